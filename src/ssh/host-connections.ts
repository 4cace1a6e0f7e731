import { failure } from './errors.ts';
import type { Connection } from './connection.ts';
import { isUsable } from './lease.ts';
import type { Lease, Member, Need, Waiter } from './lease.ts';
import type { SshPoolOptions } from './pool-options.ts';

/** So many dials at a time: sshd drops some from 10 half-open logins on (MaxStartups). */
const MAX_DIALS_AT_A_TIME = 5;

/** The connections to one target: dialled as needed, lent, dropped once dead, closed when idle. */
export class HostConnections {
  readonly label: string;
  readonly #open: () => Promise<Connection>;
  readonly #options: SshPoolOptions;
  readonly #onEmpty: () => void;
  readonly #members = new Set<Member>();
  #waiters: Waiter[] = [];
  /** What a new connection may have; the host may have taught us less. */
  #capacity: number;
  #users = 0;
  #dialing = 0;
  #dials = 0;
  #growTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(label: string, open: () => Promise<Connection>, options: SshPoolOptions, onEmpty: () => void) {
    this.label = label;
    this.#open = open;
    this.#options = options;
    this.#capacity = options.sessionsPerConnection ?? 5;
    this.#onEmpty = onEmpty;
  }

  /** The number of the newest dial. */
  get lastDial(): number {
    return this.#dials;
  }

  /** Keeps this object in the pool while `work` goes on. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      return await work();
    } finally {
      this.#users -= 1;
      this.#leaveIfEmpty();
    }
  }

  /**
   * Asks for a connection, of a dial later than number `newerThan`. The promise rejects with the failure of the dial
   * made for it, or with what `cancel` is given.
   */
  lease(need: Need, newerThan: number): { lease: Promise<Lease>; cancel: (reason: unknown) => void } {
    let cancel: (reason: unknown) => void = nothing;
    const lease = new Promise<Lease>((resolve, reject) => {
      const waiter = { need, newerThan, resolve, reject };
      cancel = (reason) => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(reason);
      };
      this.#waiters.push(waiter);
    });
    this.#serve();
    return { lease, cancel };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#growTimer);
    this.#rejectWaiters(
      this.#waiters.length,
      failure('connection-lost', this.label, 'the worker is shutting down'),
    );
    if (!this.#isDrained()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#options.drainMs ?? 1_000);
        this.#drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const member of this.#members) member.connection.close();
  }

  stats(): { connections: number; dialing: number; active: number; waiting: number } {
    const active = [...this.#members].reduce((sum, member) => sum + member.sessions, 0);
    const { size: connections } = this.#members;
    return { connections, dialing: this.#dialing, active, waiting: this.#waiters.length };
  }

  /** Gives waiters what is free, first come first served, and sees to it that the others get something. */
  #serve(): void {
    this.#waiters = this.#waiters.filter((waiter) => {
      const member = [...this.#members].find((candidate) => isUsable(candidate, waiter));
      if (member) waiter.resolve(this.#lend(member, waiter.need));
      return member === undefined;
    });
    if (this.#waiters.length === 0) return;
    if (this.#dialing > 0) return;
    const somebodyWorks = [...this.#members].some((member) => member.sessions > 0);
    const allTooOld = this.#waiters.some((waiter) =>
      [...this.#members].every(({ dial }) => dial <= waiter.newerThan),
    );
    // The first dial goes alone: what is wrong with the target, it will show. The others wait a moment for a session
    // to become free, for most commands take a few milliseconds and a dial takes seventy.
    if (!somebodyWorks || (allTooOld && this.#room() > 0)) this.#dial();
    else this.#growTimer ??= setTimeout(() => this.#grow(), this.#options.growAfterMs ?? 50);
  }

  #grow(): void {
    this.#growTimer = undefined;
    const wanted = Math.ceil(this.#waiters.length / this.#capacity);
    const count = Math.min(wanted, this.#room(), MAX_DIALS_AT_A_TIME);
    for (let i = 0; i < count; i++) this.#dial();
  }

  #room(): number {
    return (this.#options.connectionsPerHost ?? 16) - this.#members.size - this.#dialing;
  }

  #dial(): void {
    this.#dialing += 1;
    const dial = ++this.#dials;
    const startedAt = performance.now();
    const { onEvent } = this.#options;
    void this.#open().then(
      (connection) => {
        this.#dialing -= 1;
        onEvent?.({ kind: 'opened', host: this.label, tookMs: performance.now() - startedAt });
        return this.#admit(connection, dial);
      },
      (error: unknown) => {
        this.#dialing -= 1;
        onEvent?.({ kind: 'dial-failed', host: this.label, error });
        // Those whom this dial was for get to know; who stays has another connection to hope for.
        const hasOthers = this.#members.size > 0 || this.#dialing > 0;
        this.#rejectWaiters(hasOthers ? this.#capacity : this.#waiters.length, error);
        this.#serve();
        this.#leaveIfEmpty();
      },
    );
  }

  #admit(connection: Connection, dial: number): void {
    if (this.#closed) return connection.close();
    const member: Member = {
      connection,
      dial,
      capacity: this.#capacity,
      leaked: 0,
      sessions: 0,
      forwards: 0,
      used: false,
    };
    this.#members.add(member);
    connection.onGone((reason) => {
      clearTimeout(member.idleTimer);
      this.#members.delete(member);
      this.#options.onEvent?.({ kind: 'gone', host: this.label, reason });
      this.#serve();
      this.#leaveIfEmpty();
    });
    this.#serve();
    this.#rest(member);
  }

  #lend(member: Member, need: Need): Lease {
    clearTimeout(member.idleTimer);
    const fresh = !member.used;
    member.used = true;
    if (need === 'session') member.sessions += 1;
    else member.forwards += 1;
    let out = true;
    return {
      connection: member.connection,
      fresh,
      release: (slot = 'free') => {
        if (!out) return;
        out = false;
        if (need === 'session') member.sessions -= 1;
        else member.forwards -= 1;
        // A command that we left keeps its session on the host until it ends: closing the channel does not end it.
        if (slot === 'leaked') {
          member.capacity -= 1;
          member.leaked += 1;
        }
        this.#rest(member);
        this.#serve();
      },
      refused: () => {
        this.#options.onEvent?.({ kind: 'session-refused', host: this.label });
        member.capacity = Math.min(member.capacity, member.sessions - 1);
        this.#capacity = Math.max(1, Math.min(this.#capacity, member.capacity + member.leaked));
        return !fresh || member.sessions > 1;
      },
    };
  }

  /** Closes a connection that takes no more commands, and in a while one that nobody uses. */
  #rest(member: Member): void {
    if (this.#closed && this.#isDrained()) this.#drained?.();
    if (member.sessions > 0 || member.forwards > 0 || member.connection.gone() !== undefined) return;
    if (member.capacity <= 0) return member.connection.close();
    clearTimeout(member.idleTimer);
    member.idleTimer = setTimeout(
      () => member.connection.close(),
      this.#options.idleCloseMs ?? 30_000,
    ).unref();
  }

  #rejectWaiters(count: number, reason: unknown): void {
    const rejected = this.#waiters.slice(0, count);
    this.#waiters = this.#waiters.slice(count);
    for (const waiter of rejected) waiter.reject(reason);
  }

  #leaveIfEmpty(): void {
    if (this.#members.size === 0 && this.#dialing === 0 && this.#users === 0) this.#onEmpty();
  }

  #isDrained(): boolean {
    return [...this.#members].every((member) => member.sessions === 0 && member.forwards === 0);
  }
}

function nothing(): void {
  // Replaced before anybody can call it.
}
