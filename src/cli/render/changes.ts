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
    return [
      ...partChange('step', step.name, earlier, step, nowMs),
      ...(step.finalizer
        ? partChange('finalizer', step.name, earlier?.finalizer, step.finalizer, nowMs)
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
  nowMs: number,
): Change[] {
  const same = before?.state === after.state && before.generation === after.generation;
  // That nothing has begun yet is not news.
  if (same || (before === undefined && after.state === 'pending')) return [];
  const { state, generation, startedAtMs, endedAtMs, exitCode, failure } = after;
  const over = startedAtMs !== undefined && endedAtMs !== undefined;
  return [
    {
      at: iso((state === 'running' ? startedAtMs : endedAtMs) ?? nowMs),
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

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
