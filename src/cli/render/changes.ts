import { formatDuration } from '../../domain/duration.ts';
import { describeIntervention } from '../../domain/intervention.ts';
import type {
  Intervention,
  PartFailure,
  PartState,
  PartStatus,
  Phase,
  RunStatus,
} from '../../domain/status.ts';
import { plainText } from '../../domain/terminal.ts';
import { shortMessage } from './short-message.ts';

/** One thing that is different from before. `at` is a time in ISO 8601. */
export type Change =
  | { readonly at: string; readonly change: 'phase'; readonly phase: Phase }
  | {
      readonly at: string;
      readonly change: 'step' | 'finalizer';
      readonly step: string;
      readonly state: PartState;
      readonly generation: number;
      readonly elapsedMs?: number;
      readonly exitCode?: number;
      readonly failure?: PartFailure;
    }
  | ({ readonly at: string; readonly change: 'intervention' } & Omit<Intervention, 'atMs'>);

/** What has changed between two looks at a run. */
export function listChanges(before: RunStatus | undefined, after: RunStatus, clockMs: number): Change[] {
  const nowMs = after.endedAtMs ?? clockMs;
  const last = before?.interventions.at(-1);
  // A run keeps only the latest ones, so their number tells nothing.
  const known =
    after.interventions.findLastIndex(({ atMs, action, step }) => {
      return atMs === last?.atMs && action === last.action && step === last.step;
    }) + 1;
  const interventions = after.interventions
    .slice(known)
    .map(({ atMs, ...rest }): Change => ({ at: iso(atMs), change: 'intervention', ...rest }));
  const phase: Change[] =
    before?.phase === after.phase ? [] : [{ at: iso(nowMs), change: 'phase', phase: after.phase }];
  const changes = after.steps.flatMap((step, i) => {
    const earlier = before?.steps[i];
    const times = { nowMs, decidedMs: decidedMs(after, step.name) ?? nowMs };
    return [
      ...partChange('step', step.name, earlier, step, times),
      ...(step.finalizer
        ? partChange('finalizer', step.name, earlier?.finalizer, step.finalizer, times)
        : []),
    ];
  });
  const rest = [...interventions, ...changes].toSorted((a, b) => a.at.localeCompare(b.at));
  // A phase that ends the run comes after what happened in it.
  return after.endedAtMs === undefined ? [...phase, ...rest] : [...rest, ...phase];
}

/** `12:03:01 px-egress running (try 1)` */
export function renderChange(change: Change): string {
  return plainText(describe(change)).replaceAll('\n', ' ');
}

function describe(change: Change): string {
  const time = new Date(change.at).toTimeString().slice(0, 8);
  if (change.change === 'phase') return `${time} ${change.phase}`;
  if (change.change === 'intervention') {
    return `${time} ${describeIntervention(change)}`;
  }
  const { step, state, generation, elapsedMs, failure } = change;
  const name = change.change === 'finalizer' ? `${step} (finalizer)` : step;
  const tries = generation === 0 ? '' : ` (try ${generation})`;
  const after = elapsedMs === undefined ? '' : ` after ${formatDuration(elapsedMs)}`;
  return `${time} ${name} ${state}${tries}${after}${failure ? `: ${shortMessage(name, failure)}` : ''}`;
}

function partChange(
  change: 'step' | 'finalizer',
  step: string,
  before: PartStatus | undefined,
  after: PartStatus,
  times: Times,
): Change[] {
  const same = before?.state === after.state && before.generation === after.generation;
  // That nothing has begun yet is not news.
  if (same || (before === undefined && after.state === 'pending')) return [];
  const { state, generation, startedAtMs, endedAtMs, exitCode, failure } = after;
  // What is skipped did not end when its last try did.
  const over = startedAtMs !== undefined && endedAtMs !== undefined && state !== 'skipped';
  return [
    {
      at: iso(changedAtMs(before, after, times)),
      change,
      step,
      state,
      generation,
      ...(over && { elapsedMs: endedAtMs - startedAtMs }),
      ...(exitCode !== undefined && { exitCode }),
      ...(failure && { failure }),
    },
  ];
}

interface Times {
  readonly nowMs: number;
  /** When somebody last decided about the step. */
  readonly decidedMs: number;
}

/** When a part came to its state: its own times are those of its latest launch. */
function changedAtMs(
  before: PartStatus | undefined,
  { state, startedAtMs, endedAtMs }: PartStatus,
  { nowMs, decidedMs }: Times,
): number {
  if (state === 'skipped' || state === 'pending') return decidedMs;
  if (state === 'running') return startedAtMs ?? nowMs;
  // One that was waited for, and is not any more, has ended long ago.
  const isOld = before !== undefined && before.endedAtMs === endedAtMs;
  return isOld ? nowMs : (endedAtMs ?? nowMs);
}

function decidedMs({ interventions }: RunStatus, name: string): number | undefined {
  return interventions.findLast(
    ({ action, step, reset = [] }) =>
      (action === 'retryStep' || action === 'skipStep') && (step === name || reset.includes(name)),
  )?.atMs;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
