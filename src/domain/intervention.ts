import { formatDuration } from './duration.ts';
import type { Intervention } from './status.ts';

/** `anna@laptop: retryStep app with MIRROR set, then web (the mirror is back)` */
export function describeIntervention(intervention: Omit<Intervention, 'atMs'>): string {
  const { by = 'somebody', reason } = intervention;
  return `${by}: ${describeAct(intervention)}${reason === undefined ? '' : ` (${reason})`}`;
}

/** `retryStep app with MIRROR set, then web` */
export function describeAct(intervention: Omit<Intervention, 'atMs'>): string {
  const { action, step, script, env = [], reset = [], extendedByMs } = intervention;
  const words = [
    action,
    ...(step === undefined ? [] : [step]),
    ...(extendedByMs === undefined ? [] : [`by ${formatDuration(extendedByMs)}`]),
    ...(script ? ['with another script'] : []),
    ...(env.length === 0 ? [] : [`with ${env.join(', ')} set`]),
  ];
  return `${words.join(' ')}${reset.length === 0 ? '' : `, then ${reset.join(', ')}`}`;
}
