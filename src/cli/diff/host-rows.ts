import type { HostInspection } from '../../activities/activity-types.ts';
import type { ResolvedPlan } from '../../domain/plan/resolve-plan.ts';
import { label } from '../../domain/run/ids.ts';
import { describeLeftover } from '../../domain/run/leftovers.ts';
import { readSentinel } from '../../domain/run/sentinel.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { DiffRow } from '../output/outputs.ts';
import { rowOn } from './row-on.ts';

/** The rows about what lets a run begin, or prevents it. */
export function readinessRows(
  { missing, state, holder, script, facts }: HostInspection,
  digest: string,
  held?: string,
): DiffRow[] {
  const [host, lease] = [rowOn('host'), rowOn('lease')];
  const rows: DiffRow[] = [];
  if (missing.tools.length > 0)
    rows.push(host.fail(`has no ${missing.tools.join(', ')}; install ${missing.packages.join(' ')}`));
  if (state.unwritable !== undefined)
    rows.push(host.fail(`${facts.stateDir} cannot be used: ${oneLine(state.unwritable)}`));
  if (held !== undefined) rows.push(lease.fail(`run ${oneLine(held)} is at work already`));
  else if (holder?.kind === 'run' && holder.atWork)
    rows.push(lease.fail(`held by run ${oneLine(holder.workflowId)}, which is at work`));
  else if (holder?.kind === 'script' && script?.alive)
    rows.push(
      script.digest === digest
        ? lease.do('taken over from the self-provisioning script, which is running')
        : lease.fail('the self-provisioning script on the host runs another plan'),
    );
  else if (holder) {
    const who =
      holder.kind === 'run'
        ? `run ${oneLine(holder.workflowId)}, which is over`
        : holder.kind === 'script'
          ? 'the self-provisioning script'
          : 'something that Chandler cannot read';
    rows.push(lease.do(`taken over from ${who}`));
  }
  if (script?.alive) rows.push(lease.wait('the self-provisioning script is running'));
  return rows;
}

/** Leftovers. They matter only to a run that takes over another's lease. */
export function leftoverRows({ onLeftovers }: ResolvedPlan, digest: string, host: HostInspection): DiffRow[] {
  const { holder, leftovers } = host;
  if (!holder || holder.atWork) return [];
  return leftovers
    .filter(({ atWork }) => !atWork)
    .map((each): DiffRow => {
      const row = rowOn('leftover', label(each.launch));
      const message = oneLine(describeLeftover(each));
      const isSameWork =
        holder.kind === 'run' && holder.digest === digest && each.workflowId === holder.workflowId;
      const isAdopted = host.launches.some(({ launch }) => launch.id === each.launch.id);
      if (isSameWork || isAdopted) return row.wait(`${message}: continued`);
      if (onLeftovers === 'end' || each.state === 'created') return row.do(`${message}: ended`);
      return row.fail(`${message}: refused, as onLeftovers is refuse`);
    });
}

export function sentinelRow(
  { sentinel: { whenPresent } }: ResolvedPlan,
  digest: string,
  host: HostInspection,
): DiffRow {
  const { path, found, content = '', unwritable } = host.sentinel;
  const row = rowOn('sentinel');
  if (found === 'unreadable') return row.fail(`${path} is not a readable file`);
  if (found === 'absent')
    return unwritable === undefined
      ? row.keep(`${path} does not exist`)
      : row.fail(`${path} could not be written: ${oneLine(unwritable)}`);
  const { digest: recorded, skipped } = readSentinel(content);
  const whose =
    recorded === undefined
      ? 'names no plan'
      : recorded === digest
        ? `names this plan${skipped.length === 0 ? '' : ', with something skipped'}`
        : `names another plan (digest ${oneLine(recorded).slice(0, 12)}, this one is ${digest.slice(0, 12)})`;
  return row.keep(`${path} ${whose}; whenPresent is ${whenPresent}`);
}

export function bootstrapRows({ bootstrap }: ResolvedPlan, host: HostInspection): DiffRow[] {
  if (!bootstrap) return [];
  const { cloudInit, marker, packages, timeoutMs } = bootstrap;
  const row = rowOn('bootstrap');
  const within = `${formatDuration(timeoutMs)} at most`;
  return [
    ...(cloudInit ? [row.wait(`a run waits until cloud-init is done, ${within}`)] : []),
    ...(marker === undefined
      ? []
      : host.marker === 'present'
        ? [row.keep(`${marker} is there`)]
        : [row.wait(`${marker} does not exist: a run waits for it, ${within}`)]),
    ...(packages ? [row.wait(`a run waits for the lock of the package manager, ${within}`)] : []),
  ];
}

export function zmxRow({ zmx }: HostInspection): DiffRow {
  const row = rowOn('zmx');
  switch (zmx.kind) {
    case 'there':
      return row.keep(`${zmx.path} is suitable`);
    case 'install':
      return row.do(`installs ${zmx.what} from ${oneLine(zmx.from)}`);
    case 'fails':
      return row.fail(`${oneLine(zmx.message)} (${zmx.code})`);
  }
}

export function sentinelToWrite({ sentinel }: HostInspection): DiffRow {
  return rowOn('sentinel').do(`${sentinel.path} is written after everything above is done`);
}
