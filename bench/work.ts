// The work that every tool of the bench does on a host: three independent steps, a finalizer, a sentinel that is read back.
import type { Plan, Target } from '../src/domain/plan/schema.ts';

/** Where the work leaves its results; the directory is there. */
export const RESULTS = '/root/bench';
export const STEPS = ['a', 'b', 'c'] as const;
export const SENTINEL = `${RESULTS}/sentinel`;

/** A step appends, so that a second run of it shows. Without a pause it starts no program. */
export function stepScript(name: string, sleepS: number): string {
  return `${sleepS > 0 ? `sleep ${sleepS}; ` : ''}echo ${name} >>${RESULTS}/${name}`;
}

export const finalizer = `cat ${STEPS.map((name) => `${RESULTS}/${name}`).join(' ')} >>${RESULTS}/done`;

/** Writes the sentinel and reads it back. */
export const sentinelScript = `echo ok >${SENTINEL} && test "$(cat ${SENTINEL})" = ok`;

/** The work as one script for bash. */
export function wholeScript(sleepS: number): string {
  const steps = STEPS.map((name) => `{ ${stepScript(name, sleepS)}; } & ${name}=$!`);
  const waits = STEPS.map((name) => `wait $${name}`);
  return ['set -e', ...steps, ...waits, finalizer, sentinelScript, ''].join('\n');
}

/** The work as a plan. `mark` changes the scripts, not what they do. */
export function workPlan(target: Target, { sleepS = 0, mark = '' } = {}): Plan {
  return {
    name: 'bench',
    target,
    steps: STEPS.map((name, i) => ({
      name,
      script: `${stepScript(name, sleepS)}${mark && ` # ${mark}`}`,
      ...(i === 0 && { finalize: `${finalizer}${mark && ` # ${mark}`}` }),
    })),
    sentinel: { path: SENTINEL },
  };
}

/** What is wrong with the results of a host that ran the work `runs` times; undefined if nothing is. */
export function whyWrong(read: (file: string) => string | undefined, runs = 1): string | undefined {
  for (const name of STEPS)
    if (read(name) !== `${name}\n`.repeat(runs))
      return `step ${name} did not run ${runs} times: ${read(name) ?? 'no file'}`;
  if (read('done')?.endsWith('a\n'.repeat(runs) + 'b\n'.repeat(runs) + 'c\n'.repeat(runs)) !== true)
    return `the finalizer did not run after the steps: ${read('done') ?? 'no file'}`;
  return read('sentinel') ? undefined : 'no sentinel';
}
