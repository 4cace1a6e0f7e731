import type { HostInspection } from '../../activities/activity-types.ts';
import type { ResolvedPlan, ResolvedStep } from '../../domain/plan/resolve-plan.ts';
import { dependents } from '../../domain/plan/schedule.ts';
import { foundNow, isSatisfied, recordedDeviation, type Deviation } from '../../domain/run/drift.ts';
import { adoption, isUnchangedIn } from '../../domain/run/forecast.ts';
import { withCode } from '../../domain/run/failure.ts';
import type { PartFailure } from '../../domain/run/status.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { Inspection } from '../../workflows/index.ts';
import type { DiffRow } from '../output/outputs.ts';
import { rowOn, type RowOn } from './row-on.ts';

export function partRows(
  plan: ResolvedPlan,
  digest: string,
  host: HostInspection,
  lacks: Inspection['worker']['lacks'],
  checks: Inspection['checks'],
): DiffRow[] {
  const former = host.script?.digest === digest ? 'the self-provisioning script' : 'an earlier run';
  const whatOf = (step: string, kind: 'step' | 'finalizer') =>
    adoption(host, digest, step, kind) ??
    (isUnchangedIn(plan, host.recorded ?? {}, { step, kind }) ? 'unchanged' : undefined);
  const first = plan.steps.map((step) =>
    rowOfStep(
      step,
      whatOf(step.name, 'step'),
      former,
      lacks.find((lack) => lack.step === step.name)?.failure,
      checks.find((check) => check.step === step.name),
      recordedDeviation(plan, digest, host, { step: step.name, kind: 'step' }),
    ),
  );
  const running = first.flatMap(({ name = '', would }) => (would === 'do' ? [name] : []));
  const again = new Set(running.flatMap((name) => dependents(name, plan.steps)));
  const steps = first.map((row): DiffRow => {
    const isDone = ['done', 'unchanged'].includes(whatOf(row.name ?? '', 'step') ?? '');
    return isDone && again.has(row.name ?? '')
      ? { ...row, would: 'do', message: `${row.message}; runs again, because what it needs does` }
      : row;
  });
  const finalizers = plan.steps
    .filter(({ finalize }) => finalize !== undefined)
    .map(({ name }): DiffRow => {
      const row = rowOn('finalizer', name);
      const what = whatOf(name, 'finalizer');
      switch (what) {
        case 'done':
        case 'unchanged':
          if (running.length > 0) return row.do('runs again after every step');
          return row.keep(what === 'done' ? `done by ${former}` : UNCHANGED);
        case 'awaited':
          return row.wait(`begun by ${former}; a run waits for it`);
        default:
          return row.do('runs after every step');
      }
    });
  return [...steps, ...finalizers];
}

const UNCHANGED = 'unchanged since an earlier run';

function rowOfStep(
  { name, needs }: ResolvedStep,
  adopted: ReturnType<typeof adoption> | 'unchanged',
  former: string,
  lack: PartFailure | undefined,
  check: Inspection['checks'][number] | undefined,
  deviation: Deviation | undefined,
): DiffRow {
  const row = rowOn('step', name);
  // A run fails for what the worker lacks before it finds out what is done, unless a step of an earlier run is running.
  if (lack) return row.fail(`${oneLine(lack.message)} (${lack.code})`);
  if (adopted === 'done') return rowOfDone(row, check, `done by ${former}`);
  if (adopted === 'unchanged') return rowOfDone(row, check, UNCHANGED);
  if (adopted === 'awaited') return row.wait(`begun by ${former}; a run waits for it`);
  if (check?.failure) return row.unknown(oneLine(withCode(check.failure)));
  if (isSatisfied(check)) return row.keep('its check is satisfied');
  const after = needs.length === 0 ? '' : `, after ${needs.join(', ')}`;
  const again =
    adopted === 'repeated'
      ? `; ${former} tried it without success`
      : adopted === 'skipped'
        ? '; it was skipped by an operator'
        : deviation && deviation.kind !== 'never-run'
          ? `; it ${deviation.message}`
          : '';
  const asked = foundNow(check)
    .map(({ message }) => `; ${message}`)
    .join('');
  return row.do(`runs${after}${asked}${again}`);
}

export function rowOfDone(
  row: RowOn,
  check: Inspection['checks'][number] | undefined,
  done: string,
): DiffRow {
  if (!check) return row.keep(done);
  const found = foundNow(check);
  if (found.length > 0) return row.drift(`${done}, but ${found.map(({ message }) => message).join(', ')}`);
  if (check.failure) return row.unknown(oneLine(withCode(check.failure)));
  return row.keep(isSatisfied(check) ? `${done}; its check is satisfied` : `${done}; its files are in place`);
}
