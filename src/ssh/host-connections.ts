import { failure } from './ssh-failure.ts';
import type { Connection } from './connection.ts';
import { isUsable, type LentConnection, type Member, type Need, type Waiter } from './lent-connection.ts';
import type { SshPoolOptions } from './pool-options.ts';

/** sshd drops some logins when 10 are half-open (MaxStartups). */
const MAX_DIALS_AT_A_TIME = 5;
/** sshd counts an exec until it has handled the close of the channel, so it may refuse one that arrives with the close. */
const STILL_COUNTED_MS = 200;

/** The connections to one target: dials as needed, lends, drops dead ones, closes idle ones. */
export class HostConnections {
  readonly label: string;
  lastDial = 0;
  readonly #open: () => Promise<Connection>;
  readonly #options: SshPoolOptions;
  readonly #onEmpty: () => void;
  readonly #members = new Set<Member>();
  #waiters: Waiter[] = [];
  /** How many execs a new connection may carry; lower after a refusal. */
  #capacity: number;
  #users = 0;
  #dialing = 0;
  #growTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(label: string, open: () => Promise<Connection>, options: SshPoolOptions, onEmpty: () => void) {
    this.label = label;
    this.#open = open;
    this.#options = options;
    this.#capacity = options.execsPerConnection ?? 5;
    this.#onEmpty = onEmpty;
  }

  /** Runs `work`, and keeps this object in the pool meanwhile. */
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
   * Requests a connection whose dial has a higher number than `newerThan`. Rejects with the failure of the dial, or with the reason
   * passed to `cancel`.
   */
  lend(need: Need, newerThan: number): { lent: Promise<LentConnection>; cancel: (reason: unknown) => void } {
    let settle!: Pick<Waiter, 'resolve' | 'reject'>;
    const lent = new Promise<LentConnection>((resolve, reject) => (settle = { resolve, reject }));
    const waiter = { need, newerThan, ...settle };
    this.#waiters.push(waiter);
    this.#serve();
    const cancel = (reason: unknown): void => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      waiter.reject(reason);
    };
    return { lent, cancel };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#growTimer);
    const reason = failure('connection-lost', this.label, 'the worker is shutting down');
    this.#rejectWaiters(this.#waiters.length, reason);
    if (!this.#isDrained()) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
        timer = setTimeout(resolve, this.#options.drainMs ?? 1_000);
      });
      clearTimeout(timer);
    }
    for (const member of this.#members) member.connection.close();
  }

  stats(): { connections: number; dialing: number; active: number; waiting: number } {
    const active = [...this.#members].reduce((sum, member) => sum + member.execs, 0);
    return { connections: this.#members.size, dialing: this.#dialing, active, waiting: this.#waiters.length };
  }

  /** Lends free connections, first come first served, and dials for the rest. */
  #serve(): void {
    this.#waiters = this.#waiters.filter((waiter) => {
      const member = [...this.#members].find((candidate) => isUsable(candidate, waiter));
      if (member) waiter.resolve(this.#lendMember(member, waiter.need));
      return member === undefined;
    });
    if (this.#waiters.length === 0 || this.#dialing > 0) return;
    const isInUse = [...this.#members].some((member) => member.execs > 0);
    const allTooOld = this.#waiters.some((waiter) =>
      [...this.#members].every(({ dial }) => dial <= waiter.newerThan),
    );
    // The first dial is alone, because it shows whether the target is reachable. Later commands wait for a free connection first,
    // because most commands take a few milliseconds and a dial takes seventy.
    if (!isInUse || (allTooOld && this.#room() > 0)) this.#dial();
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
    const dial = ++this.lastDial;
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
        // Other waiting commands can still get another connection.
        const hasOthers = this.#members.size > 0 || this.#dialing > 0;
        this.#rejectWaiters(hasOthers ? this.#capacity : this.#waiters.length, error);
        this.#serve();
        this.#leaveIfEmpty();
      },
    );
  }

  #admit(connection: Connection, dial: number): void {
    if (this.#closed) return connection.close();
    const use = { leaked: 0, execs: 0, forwards: 0, used: false, endedAt: -Infinity };
    const member: Member = { connection, dial, capacity: this.#capacity, ...use };
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

  #lendMember(member: Member, need: Need): LentConnection {
    clearTimeout(member.idleTimer);
    const fresh = !member.used;
    member.used = true;
    if (need === 'exec') member.execs += 1;
    else member.forwards += 1;
    let isOut = true;
    let isRefused = false;
    return {
      connection: member.connection,
      fresh,
      release: (slot = 'free') => {
        if (!isOut) return;
        isOut = false;
        if (need === 'forward') member.forwards -= 1;
        else {
          member.execs -= 1;
          if (!isRefused) member.endedAt = performance.now();
        }
        // An abandoned command may continue after its channel has closed; the host counts it until it ends.
        if (slot === 'leaked') {
          member.capacity -= 1;
          member.leaked += 1;
        }
        this.#rest(member);
        this.#serve();
      },
      refused: () => {
        isRefused = true;
        this.#options.onEvent?.({ kind: 'exec-refused', host: this.label });
        if (performance.now() - member.endedAt < STILL_COUNTED_MS) return 'wait';
        member.capacity = Math.min(member.capacity, member.execs - 1);
        this.#capacity = Math.max(1, Math.min(this.#capacity, member.capacity + member.leaked));
        return !fresh || member.execs > 1 ? 'move' : 'fail';
      },
    };
  }

  /** Closes an unused connection: at once if it has no capacity left, otherwise after the idle time. */
  #rest(member: Member): void {
    if (this.#closed && this.#isDrained()) this.#drained?.();
    if (member.execs > 0 || member.forwards > 0 || member.connection.gone() !== undefined) return;
    if (member.capacity <= 0) return member.connection.close();
    clearTimeout(member.idleTimer);
    const { idleCloseMs = 30_000 } = this.#options;
    member.idleTimer = setTimeout(() => member.connection.close(), idleCloseMs).unref();
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
    return [...this.#members].every((member) => member.execs === 0 && member.forwards === 0);
  }
}
