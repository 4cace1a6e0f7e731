import { count } from '../text/count.ts';
import { describeAmount } from './amount.ts';
import { failuresIn, type StateCounts } from './host-tally.ts';
import type { FleetAttention } from './fleet-status.ts';
import type { Rollout } from './rollout.ts';

/** Why a fleet needs an operator now, the most urgent reason first; undefined if it does not. */
export function describeAttention(rollout: Rollout, name: string): FleetAttention | undefined {
  const { counts, gate, wave, isExceeded, isHeldByOnce, isWaveOver, aborting } = rollout;
  const command = (word: string, ...more: string[]) =>
    `\`chandler ${['fleet', word, quoteName(name), ...more].join(' ')}\``;
  const parked = counts.parked + counts.overdue;
  const repair = [
    ...(parked > 0 ? [`Repair what is parked: \`chandler watch --fleet ${quoteName(name)}\`.`] : []),
    ...(counts.failed > 0 ? [`Run failed hosts again: ${command('retry', '--failed')}.`] : []),
  ];
  if (aborting) return undefined;
  if (isExceeded)
    return {
      reason: 'exceeded',
      message: `${describeExcess(rollout)}, so nothing new starts.`,
      advice: [...repair, `Allow more: ${command('set', '--max-failures', 'N')}.`].join(' '),
    };
  if (isHeldByOnce)
    return {
      reason: 'once',
      message: 'The host with the steps that run once failed or needs attention, and all others wait for it.',
      advice: [...repair, `Choose the next host instead: ${command('skip', 'HOST')}.`].join(' '),
    };
  if (gate?.kind === 'check' && gate.failed !== undefined)
    return {
      reason: 'check-failed',
      message: `The check after wave ${wave + 1} did not succeed in time: ${gate.failed}.`,
      advice: `Start the next wave all the same: ${command('promote')}. End the fleet: ${command('abort')}.`,
    };
  if (gate?.kind === 'promote' && isWaveOver)
    return {
      reason: 'promote',
      message: `Wave ${wave + 1} is over, and the next one waits.`,
      advice: `Start it: ${command('promote')}.`,
    };
  if (parked === 0) return undefined;
  return {
    reason: 'parked',
    message: `${count(parked, 'host')} ${parked === 1 ? 'needs' : 'need'} attention.`,
    advice: repair.join(' '),
  };
}

/** As a shell reads it. */
function quoteName(name: string): string {
  return /^[\w.:@%+/,-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

function describeExcess(rollout: Rollout): string {
  const { counts, exceededWave, limits, allowedFailures, tally } = rollout;
  if (failuresIn(counts) > allowedFailures)
    return `${describeFailures(counts)}, and the fleet allows ${describeAmount(limits.maxFailures, tally.total)}`;
  const wave = exceededWave ?? 0;
  const found = tally.countsOf(wave);
  const total = Object.values(found).reduce((sum, each) => sum + each, 0);
  return `In wave ${wave + 1} ${describeFailures(found)}, and a wave allows ${describeAmount(limits.maxWaveFailures ?? 0, total)}`;
}

function describeFailures(counts: StateCounts): string {
  return `${count(failuresIn(counts), 'host')} failed${counts.overdue > 0 ? ' or need attention' : ''}`;
}
