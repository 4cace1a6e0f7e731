import { editDistance } from './edit-distance.ts';

const MAX_SUGGESTED = 3;

/** Suggests names: those that contain the text, or else those that differ little, the nearest first. */
export function nearNames(wanted: string, names: readonly string[]): string[] {
  if (wanted === '') return [];
  const lower = wanted.toLowerCase();
  // Between names of one or two letters every distance is small.
  const allowed = wanted.length < 3 ? 0 : Math.max(1, Math.floor(wanted.length / 4));
  const near = [...new Set(names)]
    .map((name) => ({
      name,
      far: farness(lower, name.toLowerCase(), allowed),
    }))
    .filter(({ far }) => far <= allowed)
    .sort((a, b) => a.far - b.far || a.name.length - b.name.length);
  const holding = near.filter(({ far }) => far === 0);
  return (holding.length > 0 ? holding : near).slice(0, MAX_SUGGESTED).map(({ name }) => name);
}

/** `did you mean migrate or migrate-db?`; undefined if no name is near. */
export function didYouMean(wanted: string, names: readonly string[]): string | undefined {
  const near = nearNames(wanted, names);
  return near.length === 0 ? undefined : `did you mean ${near.join(' or ')}?`;
}

function farness(wanted: string, name: string, allowed: number): number {
  if (name.includes(wanted)) return 0;
  // Long names make the distance expensive.
  return Math.abs(name.length - wanted.length) > allowed ? Infinity : editDistance(wanted, name);
}
