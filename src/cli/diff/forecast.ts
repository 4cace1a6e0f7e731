import type { HostSight } from '../../activities/types.ts';
import { count } from '../../domain/count.ts';
import { formatDuration } from '../../domain/duration.ts';
import { adoption, isDoneAlready } from '../../domain/forecast.ts';
import { addressOf } from '../../domain/ids.ts';
import { planDigest, resolvePlan, type ResolvedPlan, type ResolvedStep } from '../../domain/plan.ts';
import { sentinelDigest } from '../../domain/schedule.ts';
import type { Plan } from '../../domain/schema.ts';
import type { PartFailure } from '../../domain/status.ts';
import { oneLine } from '../../domain/terminal.ts';
import type { Inspection } from '../../workflows/index.ts';

/**
 * What a run would come to. `nothing-to-do`: the host counts as provisioned. `would-fail`: it would be refused, or fail, as
 * the host and the worker are now. `unknown`: the host could not be looked at.
 */
export type DiffOutcome = 'nothing-to-do' | 'would-run' | 'would-fail' | 'unknown';

/** One thing on the host, and what a run would do about it. */
export interface DiffRow {
  /** `host`, `lease`, `sentinel`, `marker`, `zmx`, `step` or `finalizer`. */
  readonly kind: string;
  /** Of the step or finalizer. */
  readonly name?: string;
  /** `keep`: nothing. `do`: run, install, write. `wait`: for something that is under way. `fail`: the run ends there. */
  readonly would: 'keep' | 'do' | 'wait' | 'fail' | 'unknown';
  readonly says: string;
}

/** What a run of a plan would do on one host. */
export interface Diff {
  readonly host: string;
  readonly plan: string;
  readonly digest: string;
  readonly outcome: DiffOutcome;
  /** The outcome in one line. */
  readonly says: string;
  readonly rows: readonly DiffRow[];
}

/** Decides in the order in which a run finds out. `held` is a run of the host's own id that is at work, if there is one. */
export function forecastRun(plan: Plan, { host, worker, checks }: Inspection, held?: string): Diff {
  const resolved = resolvePlan(plan);
  const digest = planDigest(plan);
  const about = { host: addressOf(plan.target), plan: resolved.name, digest };
  if (!host || 'failure' in host) return { ...about, ...unseen(host?.failure) };
  const before = [...judgeReadiness(host, digest, held), judgeSentinel(resolved, digest, host)];
  const refused = before.find(({ would }) => would === 'fail');
  if (!refused && isDoneAlready(resolved, digest, host))
    return { ...about, outcome: 'nothing-to-do', says: 'a run would change nothing', rows: before };
  const parts = forecastParts(resolved, host, worker.lacks, checks);
  const rows = [...before, ...judgeMarker(resolved, host), judgeZmx(host), ...parts, writes(host)];
  const failing = rows.find(({ would }) => would === 'fail');
  if (failing) {
    const what = failing.name === undefined ? failing.kind : `${failing.kind} ${failing.name}`;
    return { ...about, outcome: 'would-fail', says: `a run would fail: ${what}: ${failing.says}`, rows };
  }
  const toDo = (kind: string) => parts.filter((row) => row.kind === kind && row.would === 'do').length;
  const says = `a run would run ${toDo('step')} of ${count(resolved.steps.length, 'step')} and ${count(toDo('finalizer'), 'finalizer')}`;
  return { ...about, outcome: 'would-run', says, rows };
}

function unseen(failure: PartFailure | undefined): Pick<Diff, 'outcome' | 'says' | 'rows'> {
  const says = failure
    ? `${oneLine(failure.message)} (${failure.code})`
    : 'the worker did not look at the host';
  const advice: DiffRow[] = failure
    ? [{ kind: 'host', would: 'unknown', says: oneLine(failure.advice) }]
    : [];
  return { outcome: 'unknown', says: `nobody can tell: ${says}`, rows: advice };
}

/** What lets a run in, or keeps it out. */
function judgeReadiness(
  { missing, state, holder, script, facts }: HostSight,
  digest: string,
  held?: string,
): DiffRow[] {
  const rows: DiffRow[] = [];
  if (missing.tools.length > 0)
    rows.push({
      kind: 'host',
      would: 'fail',
      says: `has no ${missing.tools.join(', ')}; install ${missing.packages.join(' ')}`,
    });
  if (state.unwritable !== undefined)
    rows.push({
      kind: 'host',
      would: 'fail',
      says: `${facts.stateDir} cannot be used: ${oneLine(state.unwritable)}`,
    });
  if (held !== undefined)
    rows.push({ kind: 'lease', would: 'fail', says: `run ${oneLine(held)} is at work already` });
  else if (holder?.kind === 'run' && holder.atWork)
    rows.push({
      kind: 'lease',
      would: 'fail',
      says: `held by run ${oneLine(holder.workflowId)}, which is at work`,
    });
  else if (holder?.kind === 'script' && script?.alive)
    rows.push(
      script.digest === digest
        ? { kind: 'lease', would: 'do', says: "taken over from the host's own script, which is at work" }
        : { kind: 'lease', would: 'fail', says: "the host's own script is at work on another plan" },
    );
  else if (holder) {
    const who =
      holder.kind === 'run'
        ? `run ${oneLine(holder.workflowId)}, which is over`
        : holder.kind === 'script'
          ? "the host's own script"
          : 'something that is not ours to read';
    rows.push({ kind: 'lease', would: 'do', says: `taken over from ${who}` });
  }
  if (script?.alive) rows.push({ kind: 'lease', would: 'wait', says: "the host's own script is at work" });
  return rows;
}

function judgeSentinel(
  { sentinel: { whenPresent } }: ResolvedPlan,
  digest: string,
  host: HostSight,
): DiffRow {
  const { path, found, content = '', unwritable } = host.sentinel;
  const kind = 'sentinel';
  if (found === 'unreadable') return { kind, would: 'fail', says: `${path} is not a file that can be read` };
  if (found === 'absent')
    return unwritable === undefined
      ? { kind, would: 'keep', says: `${path} is not there` }
      : { kind, would: 'fail', says: `${path} could not be written: ${oneLine(unwritable)}` };
  const recorded = sentinelDigest(content);
  const whose =
    recorded === undefined
      ? 'tells of no plan'
      : recorded === digest
        ? 'is of this very plan'
        : `is of another plan (digest ${oneLine(recorded).slice(0, 12)}, this one is ${digest.slice(0, 12)})`;
  const says = `${path} ${whose}; whenPresent is ${whenPresent}`;
  return { kind, would: 'keep', says };
}

function judgeMarker({ bootstrap }: ResolvedPlan, { marker }: HostSight): DiffRow[] {
  if (!bootstrap) return [];
  const kind = 'marker';
  return marker === 'present'
    ? [{ kind, would: 'keep', says: `${bootstrap.marker} is there` }]
    : [
        {
          kind,
          would: 'wait',
          says: `${bootstrap.marker} is not there: waited for, ${formatDuration(bootstrap.timeoutMs)} at most`,
        },
      ];
}

function judgeZmx({ zmx }: HostSight): DiffRow {
  const kind = 'zmx';
  switch (zmx.kind) {
    case 'there':
      return { kind, would: 'keep', says: `${zmx.path} will do` };
    case 'install':
      return { kind, would: 'do', says: `installs ${zmx.what} from ${oneLine(zmx.from)}` };
    case 'fails':
      return { kind, would: 'fail', says: `${oneLine(zmx.message)} (${zmx.code})` };
  }
}

function forecastParts(
  plan: ResolvedPlan,
  host: HostSight,
  lacks: Inspection['worker']['lacks'],
  checks: Inspection['checks'],
): DiffRow[] {
  const steps = plan.steps.map((step) =>
    forecastStep(
      step,
      adoption(host, step.name, 'step'),
      lacks.find((lack) => lack.step === step.name)?.failure,
      checks.find((check) => check.step === step.name),
    ),
  );
  const finalizers = plan.steps
    .filter(({ finalize }) => finalize !== undefined)
    .map(({ name }): DiffRow => {
      const row = { kind: 'finalizer', name };
      switch (adoption(host, name, 'finalizer')) {
        case 'done':
          return { ...row, would: 'keep', says: "done by the host's own script" };
        case 'awaited':
          return { ...row, would: 'wait', says: "begun by the host's own script: waited for" };
        default:
          return { ...row, would: 'do', says: 'runs after every step' };
      }
    });
  return [...steps, ...finalizers];
}

function forecastStep(
  { name, needs }: ResolvedStep,
  adopted: ReturnType<typeof adoption>,
  lack: PartFailure | undefined,
  check: Inspection['checks'][number] | undefined,
): DiffRow {
  const row = { kind: 'step', name };
  if (adopted === 'done') return { ...row, would: 'keep', says: "done by the host's own script" };
  if (lack) return { ...row, would: 'fail', says: `${oneLine(lack.message)} (${lack.code})` };
  if (adopted === 'awaited')
    return { ...row, would: 'wait', says: "begun by the host's own script: waited for" };
  if (check && 'failure' in check) {
    const { message, code } = check.failure;
    return { ...row, would: 'unknown', says: `its check could not be asked: ${oneLine(message)} (${code})` };
  }
  if (check?.code === 0) return { ...row, would: 'keep', says: 'its check says that it is satisfied' };
  const after = needs.length === 0 ? '' : `, after ${needs.join(', ')}`;
  const again = adopted === 'again' ? "; the host's own script tried it in vain" : '';
  const asked =
    check === undefined
      ? ''
      : check.code === 124
        ? '; its check took longer than a minute, which counts as no'
        : `; its check says no (exit ${check.code})`;
  return { ...row, would: 'do', says: `runs${after}${asked}${again}` };
}

function writes({ sentinel }: HostSight): DiffRow {
  return { kind: 'sentinel', would: 'do', says: `${sentinel.path} is written once all that is done` };
}
