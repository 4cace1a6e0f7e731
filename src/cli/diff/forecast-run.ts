import { pinFiles } from '../../domain/plan/files.ts';
import { planDigest, resolvePlan, type ResolvedPlan } from '../../domain/plan/resolve-plan.ts';
import type { Plan } from '../../domain/plan/schema.ts';
import { isDoneAlready } from '../../domain/run/forecast.ts';
import { addressOf } from '../../domain/run/ids.ts';
import type { PartFailure } from '../../domain/run/status.ts';
import { count } from '../../domain/text/count.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { Inspection } from '../../workflows/index.ts';
import type { Diff, DiffRow } from '../output/outputs.ts';
import {
  leftoverRows,
  bootstrapRows,
  readinessRows,
  sentinelRow,
  sentinelToWrite,
  zmxRow,
} from './host-rows.ts';
import { partRows, rowOfDone } from './part-rows.ts';
import { rowOn } from './row-on.ts';

/**
 * Predicts what a run would do, checking in the order of a run. `held` is an open run with the host's workflow id, if there is
 * one.
 */
export function forecastRun(written: Plan, { host, worker, checks }: Inspection, held?: string): Diff {
  const plan = pinFiles(written, worker.pins);
  const resolved = resolvePlan(plan);
  const digest = planDigest(plan);
  const about = { host: addressOf(plan.target), plan: resolved.name, digest };
  if (!host || 'failure' in host) return { ...about, ...unseen(host?.failure) };
  const before = [
    ...readinessRows(host, digest, held),
    ...leftoverRows(resolved, digest, host),
    sentinelRow(resolved, digest, host),
  ];
  const refused = before.find(({ would }) => would === 'fail');
  const isBusy = before.some(({ kind, would }) => kind === 'leftover' && would === 'wait');
  if (
    !refused &&
    !isBusy &&
    isDoneAlready(resolved, digest, { sentinel: host.sentinel.content, recorded: host.recorded })
  )
    return { ...about, ...forecastProvisioned(resolved, before, checks) };
  const parts = partRows(resolved, digest, host, worker.lacks, checks);
  const rows = [...before, ...bootstrapRows(resolved, host), zmxRow(host), ...parts, sentinelToWrite(host)];
  const failing = rows.find(({ would }) => would === 'fail');
  if (failing) {
    const what = failing.name === undefined ? failing.kind : `${failing.kind} ${failing.name}`;
    return {
      ...about,
      outcome: 'would-fail',
      message: `a run would fail: ${what}: ${failing.message}`,
      rows,
    };
  }
  const toDo = (kind: string) => parts.filter((row) => row.kind === kind && row.would === 'do').length;
  const unknown = parts.flatMap(({ name = '', would }) => (would === 'unknown' ? [name] : []));
  const rest = unknown.length === 0 ? '' : `; unknown: ${unknown.join(', ')}`;
  const message = `a run would run ${toDo('step')} of ${count(resolved.steps.length, 'step')} and ${count(toDo('finalizer'), 'finalizer')}${rest}`;
  return { ...about, outcome: 'would-run', message, rows };
}

/** A run changes nothing on a provisioned host; only the checks can find drift. */
function forecastProvisioned(
  { steps }: ResolvedPlan,
  before: readonly DiffRow[],
  checks: Inspection['checks'],
): Pick<Diff, 'outcome' | 'message' | 'rows'> {
  const checked = steps.flatMap(({ name }): DiffRow[] => {
    const check = checks.find(({ step }) => step === name);
    return check ? [rowOfDone(rowOn('step', name), check, 'done')] : [];
  });
  const rows = [...before, ...checked];
  const named = (would: DiffRow['would']) =>
    checked.filter((row) => row.would === would).map(({ name = '' }) => name);
  const [drifted, unknown] = [named('drift'), named('unknown')];
  const nothing = 'a run would change nothing';
  if (drifted.length > 0) {
    const message = `${drifted.join(', ')} drifted, and ${nothing}: the sentinel marks the host as provisioned. --force runs every step that its check does not find satisfied`;
    return { outcome: 'drifted', message, rows };
  }
  if (unknown.length > 0) {
    const message = `${nothing}, as far as is known: ${unknown.join(', ')} gave no answer`;
    return { outcome: 'unknown', message, rows };
  }
  return { outcome: 'nothing-to-do', message: nothing, rows };
}

function unseen(failure: PartFailure | undefined): Pick<Diff, 'outcome' | 'message' | 'rows'> {
  if (!failure)
    return { outcome: 'unknown', message: 'unknown: the worker did not inspect the host', rows: [] };
  const { message, code, advice } = failure;
  const rows = [rowOn('host').unknown(oneLine(advice))];
  return { outcome: 'unknown', message: `unknown: ${oneLine(message)} (${code})`, rows };
}
