import { definedOnly } from '../../domain/defined-only.ts';
import type { DiffRow } from '../output/outputs.ts';

/** The possible rows about one subject: a function for each thing that a run would do. */
export type RowOn = Readonly<Record<DiffRow['would'], (message: string) => DiffRow>>;

export function rowOn(kind: string, name?: string): RowOn {
  const that = (would: DiffRow['would']) => (message: string) => definedOnly({ kind, name, would, message });
  return {
    keep: that('keep'),
    drift: that('drift'),
    do: that('do'),
    wait: that('wait'),
    fail: that('fail'),
    unknown: that('unknown'),
  };
}
