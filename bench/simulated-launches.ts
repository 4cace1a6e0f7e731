import { setTimeout as delay } from 'node:timers/promises';
import type { HostCall } from './simulated-host.ts';

/** What a simulated host does differently from one that answers at once. */
export interface SimulatedBehaviour {
  /** How long a call takes until it begins. Milliseconds. */
  readonly latencyMs: () => number;
  /** How long a script takes, and its exit code. */
  readonly runs: (script: string) => { readonly ms: number; readonly code: number };
}

/** Reads the behaviour of a script from its text: the sum of its `sleep SECONDS` (or `infinity`), and its `exit CODE`. */
export const asWritten: SimulatedBehaviour = {
  latencyMs: () => 0,
  runs: (script) => ({
    ms: [...script.matchAll(/\bsleep ([\d.]+|infinity)/g)].reduce(
      (sum, [, seconds]) => sum + (seconds === 'infinity' ? Infinity : Number(seconds) * 1000),
      0,
    ),
    code: Number(/\bexit (\d+)/.exec(script)?.[1] ?? 0),
  }),
};

interface SimulatedLaunch {
  readonly step: string;
  readonly attempt: string;
  readonly kind: string;
  readonly script: string;
  beganMs?: number;
  endsMs?: number;
  code: number;
  killed?: true;
}

const FIRST_PROGRESS_MS = 300;

/** The launches of a simulated host. */
export class SimulatedLaunches {
  readonly #behaviour: SimulatedBehaviour;
  readonly #launches = new Map<string, SimulatedLaunch>();

  constructor(behaviour: SimulatedBehaviour) {
    this.#behaviour = behaviour;
  }

  /** How many launches of each step have begun. */
  get begun(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { step, beganMs } of this.#launches.values())
      if (beganMs !== undefined) counts.set(step, (counts.get(step) ?? 0) + 1);
    return counts;
  }

  has(id: string): boolean {
    return this.#launches.has(id);
  }

  create(id: string, launch: Pick<SimulatedLaunch, 'step' | 'attempt' | 'kind' | 'script'>): void {
    this.#launches.set(id, { ...launch, code: 0 });
  }

  /** Begins a launch, unless it has begun or was cancelled. */
  begin(id: string): void {
    const launch = this.#launches.get(id);
    if (!launch || launch.beganMs !== undefined || launch.killed) return;
    const { ms, code } = this.#behaviour.runs(launch.script);
    launch.beganMs = Date.now();
    launch.endsMs = launch.beganMs + ms;
    launch.code = code;
  }

  /** Blocks until the launch has ended, with a report after a short time and then every `everyS` seconds, at most `turns` of them. */
  async wait(
    id: string,
    everyS: number,
    turns: number,
    { say, signal }: Pick<HostCall, 'say' | 'signal'>,
  ): Promise<void> {
    const launch = this.#launches.get(id);
    let pauseMs = FIRST_PROGRESS_MS;
    for (let left = turns; left !== 0; left -= 1) {
      if (launch?.beganMs === undefined || !this.#isRunning(launch)) break;
      const untilEndMs = Math.max(0, (launch.endsMs ?? 0) - Date.now());
      await delay(Math.min(pauseMs, untilEndMs), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      if (untilEndMs <= pauseMs) break;
      say('progress log_bytes=0 input=none tail=');
      pauseMs = everyS * 1000;
    }
    say(this.describe(id));
  }

  describe(id: string): string {
    const launch = this.#launches.get(id);
    if (!launch) return 'state=absent';
    const { beganMs, endsMs = 0, code, killed } = launch;
    if (beganMs === undefined) return killed ? 'state=cancelled' : 'state=created';
    if (this.#isRunning(launch)) return 'state=running log_bytes=0';
    const at = Math.floor(endsMs / 1000);
    const by = killed ? 'kill' : 'itself';
    return `state=exited code=${code} at=${at} elapsed_ms=${endsMs - beganMs} log=whole by=${by} lost= hup= log_bytes=0`;
  }

  #isRunning({ beganMs, endsMs = 0 }: SimulatedLaunch): boolean {
    return beganMs !== undefined && Date.now() < endsMs;
  }

  isDone(id: string): boolean {
    const launch = this.#launches.get(id);
    return (
      launch !== undefined &&
      launch.beganMs !== undefined &&
      !this.#isRunning(launch) &&
      launch.code === 0 &&
      !launch.killed
    );
  }

  /** Ends a launch; one that has not begun is cancelled. Returns how many processes were found. */
  kill(id: string): number {
    const launch = this.#launches.get(id) ?? { step: '', attempt: '', kind: 'step', script: '', code: 0 };
    this.#launches.set(id, launch);
    const found = this.#isRunning(launch) ? 1 : 0;
    if (found === 1) {
      launch.endsMs = Date.now();
      launch.code = 143;
    }
    if (found === 1 || launch.beganMs === undefined) launch.killed = true;
    return found;
  }

  /** An answer for each running launch. */
  listRunning(): string[] {
    return [...this.#launches].flatMap(([id, launch]) => {
      if (!this.#isRunning(launch)) return [];
      const { step, attempt, kind, beganMs = 0 } = launch;
      const since = Math.floor(beganMs / 1000);
      return [
        `leftover=${id} is=running step=${step} attempt=${attempt} kind=${kind} since=${since} processes=1`,
      ];
    });
  }
}
