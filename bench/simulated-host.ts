import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { FailureCode } from '../src/domain/run/failure.ts';
import { asWritten, SimulatedLaunches, type SimulatedBehaviour } from './simulated-launches.ts';

/** One call of the host program, without the token. */
export interface HostCall {
  readonly subcommand: string;
  readonly args: readonly string[];
  readonly stdin: Buffer;
  /** Sends an answer. */
  readonly say: (body: string) => void;
  /** Aborted when the channel closes. */
  readonly signal: AbortSignal;
}

interface SimulatedRecord {
  readonly launch: string;
  readonly digest: string;
  readonly needs: string;
}

/**
 * A host that answers the host program's subcommands as a real one does, of which it has neither processes nor files: for thousands of
 * hosts in one process. It knows what a run needs; other subcommands are refused. test/bench/simulated-host.test.ts compares its answers
 * with the real program's.
 */
export class SimulatedHost {
  readonly #behaviour: SimulatedBehaviour;
  readonly #launches: SimulatedLaunches;
  readonly #sentinels = new Map<string, string>();
  readonly #records = new Map<string, Map<string, SimulatedRecord>>();
  #lease = '';

  constructor(behaviour: SimulatedBehaviour = asWritten) {
    this.#behaviour = behaviour;
    this.#launches = new SimulatedLaunches(behaviour);
  }

  /** How many launches of each step have begun. */
  get begun(): ReadonlyMap<string, number> {
    return this.#launches.begun;
  }

  /** Whether a sentinel was written. */
  get isProvisioned(): boolean {
    return this.#sentinels.size > 0;
  }

  /** Carries out a call. Returns its exit code. */
  async answer(call: HostCall): Promise<number> {
    await delay(this.#behaviour.latencyMs());
    call.say('begun');
    try {
      const work = this.#subcommands[call.subcommand];
      if (!work) throw new Refusal('invalid-input');
      await work(call);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      call.say(`refused=${error.code} text=${encode(error.code)}`);
      return 70;
    }
    if (!call.signal.aborted) call.say('end');
    return 0;
  }

  readonly #subcommands: Readonly<Record<string, (call: HostCall) => void | Promise<void>>> = {
    probe: (call) => this.#probe(call),
    lease: ({ args: [holder = '', replaces = ''], say }) => void this.#takeLease(holder, replaces, say),
    prepare: (call) => this.#prepare(call),
    launch: (call) => this.#launch(call),
    wait: ({ args: [id = '', , everyS, turns], say, signal }) =>
      this.#launches.wait(id, Number(everyS ?? 2), Number(turns ?? -1), { say, signal }),
    state: ({ args: [id = ''], say }) => say(this.#launches.describe(id)),
    states: ({ args, say }) => {
      for (const id of args) say(`launch=${id} ${this.#launches.describe(id)}`);
    },
    kill: (call) => this.#kill(call),
    close: () => undefined,
    finish: (call) => this.#finish(call),
    release: ({ args: [holder = ''], say }) => this.#release(holder, say),
    leftovers: ({ say }) => this.#listLeftovers(say),
    'sentinel-read': ({ args: [path = ''], say }) => this.#readSentinel(path, say),
    'sentinel-remove': ({ args: [path = ''], say }) => {
      this.#sentinels.delete(path);
      say('sentinel=absent');
    },
  };

  #probe({ args: [needed = '', useful = '', ...programs], say }: HostCall): void {
    say('path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin');
    say(`tools=,${`${needed} ${useful}`.replaceAll(' ', ',')}`);
    say('arch=x86_64');
    say('uid=0');
    say('boot=00000000-0000-4000-8000-000000000000');
    say(`state_dir=${encode('/var/lib/chandler')}`);
    say(`zmx_dir=${encode('/run/chandler/zmx')}`);
    say(`os=${encode('simulated')}`);
    say('writable=yes');
    for (const program of programs) say(`program=${program} present=yes`);
    say(`zmx=${encode('/usr/bin/zmx')} zmx_version=${encode('zmx\t0.7.0')}`);
  }

  #takeLease(holder: string, replaces: string, say: HostCall['say']): boolean {
    const had = this.#lease;
    if (had !== '' && had !== holder && had !== replaces) {
      say(`lease=held holder=${had}`);
      return false;
    }
    this.#lease = holder;
    say(`lease=ours had=${had}`);
    return true;
  }

  #prepare({ args: [holder = '', sentinel = '', , plan = '', mark = ''], say }: HostCall): void {
    const had = this.#lease;
    if (!this.#takeLease(holder, '', say)) return;
    this.#readSentinel(sentinel, say);
    if (mark !== '' && had === '' && this.#sentinels.get(sentinel)?.includes(mark))
      return this.#release(holder, say);
    say('script=absent');
    for (const [part, { launch, digest, needs }] of [...(this.#records.get(plan) ?? [])].sort(byName))
      say(
        `record=${part} launch=${launch} digest=${digest} needs=${needs} done=${this.#launches.isDone(launch) ? 'yes' : 'no'}`,
      );
    say('pruned=0');
  }

  async #launch({ args, stdin, say, signal }: HostCall): Promise<void> {
    const [holder = '', id = '', , step = '', attempt = '', , ...more] = args;
    const [envBytes, scriptBytes, secretsBytes, record = '', turns, , , session = ''] = more;
    if (!this.#launches.has(id)) {
      if (holder !== '' && holder !== this.#lease) throw new Refusal('lease-held');
      const at = Number(secretsBytes) + Number(envBytes);
      this.#launches.create(id, {
        step: settingOf(step),
        attempt: settingOf(attempt),
        kind: session === '' ? 'finalizer' : 'step',
        script: stdin.subarray(at, at + Number(scriptBytes)).toString(),
      });
      this.#keepRecord(id, record);
    }
    say('stage=created');
    this.#launches.begin(id);
    await this.#launches.wait(id, 1, Number(turns), { say, signal });
  }

  #keepRecord(id: string, record: string): void {
    if (record === '') return;
    const [place = '', digest = '', needs = ''] = record.split(' ');
    const [plan = '', part = ''] = place.split('/');
    const parts = this.#records.get(plan) ?? new Map<string, SimulatedRecord>();
    parts.set(part, { launch: id, digest, needs });
    this.#records.set(plan, parts);
  }

  #kill({ args: [id = ''], say }: HostCall): void {
    say('stage=cancelled');
    say(`killed found=${this.#launches.kill(id)} left=0`);
    say(this.#launches.describe(id));
  }

  #finish({ args: [holder = '', path = '', sum = ''], stdin, say }: HostCall): void {
    const content = stdin.toString();
    if (this.#lease !== holder && hashOf(this.#sentinels.get(path) ?? '') === sum)
      return this.#readSentinel(path, say);
    if (this.#lease !== holder) throw new Refusal('lease-held');
    this.#sentinels.set(path, content);
    this.#readSentinel(path, say);
    this.#release(holder, say);
  }

  #release(holder: string, say: HostCall['say']): void {
    if (this.#lease === holder) this.#lease = '';
    say('released=yes');
  }

  #readSentinel(path: string, say: HostCall['say']): void {
    const content = this.#sentinels.get(path);
    say(content === undefined ? 'sentinel=absent' : `sentinel=present content=${encode(content)}`);
  }

  #listLeftovers(say: HostCall['say']): void {
    for (const body of this.#launches.listRunning()) say(body);
    say('leftovers=listed');
  }
}

/** Ends a call with a failure code. */
class Refusal extends Error {
  readonly code: FailureCode;
  constructor(code: FailureCode) {
    super(code);
    this.code = code;
  }
}

/** The value of an assignment such as `step='a'`. */
function settingOf(assignment: string): string {
  return assignment.slice(assignment.indexOf('=') + 1).replaceAll("'", '');
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1);
