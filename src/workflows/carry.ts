import type { Admission, HostRef } from '../activities/types.ts';
import type { Launch } from '../domain/ids.ts';
import type { NotifyWish } from '../domain/notification.ts';
import { resolvePlan } from '../domain/plan.ts';
import type { Plan } from '../domain/schema.ts';
import type { RunStatus } from '../domain/status.ts';
import { hostOf, identify, knownAttributes, type Decision, type LiveLaunch, type Run } from './run.ts';

/** What a run takes along into a fresh history; the plan is beside it. */
export interface CarriedRun {
  readonly status: RunStatus;
  readonly searchAttributes: Admission['searchAttributes'];
  readonly host: HostRef;
  readonly owner: string;
  readonly decisions: readonly (readonly [string, Decision])[];
  readonly scripts: readonly (readonly [string, string])[];
  // Runs of older builds have nothing of these.
  readonly envs?: readonly (readonly [string, Readonly<Record<string, string>>])[];
  readonly resets?: readonly string[];
  readonly requests?: readonly (readonly [string, string])[];
  readonly notify?: NotifyWish;
  readonly notified?: readonly string[];
  readonly tries: readonly (readonly [string, number])[];
  readonly live: readonly LiveLaunch[];
  readonly launched: readonly Launch[];
}

/** @throws TypeError before the host was prepared */
export function carryRun(run: Run): CarriedRun {
  const { status, searchAttributes, owner, launched, notify, notified } = run;
  return {
    status,
    searchAttributes,
    host: hostOf(run),
    owner,
    decisions: [...run.decisions],
    scripts: [...run.scripts],
    envs: [...run.envs],
    resets: [...run.resets],
    requests: [...run.requests],
    ...(notify && { notify, notified: [...notified] }),
    tries: [...run.tries],
    live: [...run.live.values()],
    launched,
  };
}

/** The state of a run that goes on. */
export function resumeRun(input: Plan, carried: CarriedRun): Run {
  const { status, searchAttributes, host, owner, decisions, scripts, tries, live, launched } = carried;
  const { envs = [], resets = [], requests = [], notify, notified = [] } = carried;
  return {
    ...identify(input, resolvePlan(input)),
    owner,
    status,
    searchAttributes: knownAttributes(searchAttributes),
    decisions: new Map(decisions),
    scripts: new Map(scripts),
    envs: new Map(envs),
    resets: new Set(resets),
    interrupts: new Map(),
    notify,
    notified: new Set(notified),
    requests: new Map(requests),
    tries: new Map(tries),
    live: new Map(live.map((each) => [each.launch.id, each])),
    launched: [...launched],
    host,
    leased: true,
    watching: false,
    abortReason: undefined,
    ending: false,
  };
}
