import type { HostInspection } from '../../activities/activity-types.ts';
import type { ResolvedPlan } from '../../domain/plan/resolve-plan.ts';
import { label } from '../../domain/run/ids.ts';
import { describeLeftover } from '../../domain/run/leftovers.ts';
import { readSentinel } from '../../domain/run/sentinel.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { DiffRow } from './diff-row.ts';

/** What lets a run in, or keeps it out. */
export function readinessRows(
  { missing, state, holder, script, facts }: HostInspection,
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
          : 'something that Chandler cannot read';
    rows.push({ kind: 'lease', would: 'do', says: `taken over from ${who}` });
  }
  if (script?.alive) rows.push({ kind: 'lease', would: 'wait', says: "the host's own script is at work" });
  return rows;
}

/** Only a run that takes over the lease of another lists what is left. */
export function leftoverRows({ onLeftovers }: ResolvedPlan, digest: string, host: HostInspection): DiffRow[] {
  const { holder, leftovers } = host;
  if (!holder || holder.atWork) return [];
  return leftovers
    .filter(({ atWork }) => !atWork)
    .map((each): DiffRow => {
      const row = { kind: 'leftover', name: label(each.launch) };
      const says = oneLine(describeLeftover(each));
      const isSameWork =
        holder.kind === 'run' && holder.digest === digest && each.workflowId === holder.workflowId;
      const isAdopted = host.launches.some(({ launch }) => launch.id === each.launch.id);
      if (isSameWork || isAdopted) return { ...row, would: 'wait', says: `${says}: continued` };
      if (onLeftovers === 'end' || each.state === 'created')
        return { ...row, would: 'do', says: `${says}: ended` };
      return { ...row, would: 'fail', says: `${says}: refused, as onLeftovers is refuse` };
    });
}

export function sentinelRow(
  { sentinel: { whenPresent } }: ResolvedPlan,
  digest: string,
  host: HostInspection,
): DiffRow {
  const { path, found, content = '', unwritable } = host.sentinel;
  const kind = 'sentinel';
  if (found === 'unreadable') return { kind, would: 'fail', says: `${path} is not a file that can be read` };
  if (found === 'absent')
    return unwritable === undefined
      ? { kind, would: 'keep', says: `${path} is not there` }
      : { kind, would: 'fail', says: `${path} could not be written: ${oneLine(unwritable)}` };
  const { digest: recorded, skipped } = readSentinel(content);
  const whose =
    recorded === undefined
      ? 'names no plan'
      : recorded === digest
        ? `is of this very plan${skipped.length === 0 ? '' : ', with something skipped'}`
        : `is of another plan (digest ${oneLine(recorded).slice(0, 12)}, this one is ${digest.slice(0, 12)})`;
  const says = `${path} ${whose}; whenPresent is ${whenPresent}`;
  return { kind, would: 'keep', says };
}

export function markerRows({ bootstrap }: ResolvedPlan, { marker }: HostInspection): DiffRow[] {
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

export function zmxRow({ zmx }: HostInspection): DiffRow {
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

export function sentinelToWrite({ sentinel }: HostInspection): DiffRow {
  return { kind: 'sentinel', would: 'do', says: `${sentinel.path} is written once all that is done` };
}
