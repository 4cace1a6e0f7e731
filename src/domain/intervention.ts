import { formatDuration } from './duration.ts';
import type { Intervention } from './status.ts';

/** `anna@laptop: retryStep app with MIRROR set, then web (the mirror is back)` */
export function describeIntervention(intervention: Omit<Intervention, 'atMs'>): string {
  const { action, step, reason, by = 'somebody', script, env = [], reset = [], extendedByMs } = intervention;
  const words = [
    `${by}: ${action}`,
    ...(step === undefined ? [] : [step]),
    ...(extendedByMs === undefined ? [] : [`by ${formatDuration(extendedByMs)}`]),
    ...(script ? ['with another script'] : []),
    ...(env.length === 0 ? [] : [`with ${env.join(', ')} set`]),
  ];
  const then = reset.length === 0 ? '' : `, then ${reset.join(', ')}`;
  return `${words.join(' ')}${then}${reason === undefined ? '' : ` (${reason})`}`;
}
