import { bytesAsJson } from '../text/bytes-as-json.ts';
import { count } from '../text/count.ts';
import { actionNames, actions, exampleInput } from './actions.ts';
import { addressOf } from './ids.ts';
import { code, prose } from '../text/markdown.ts';
import type { Plan, Target } from '../plan/schema.ts';

/** What the UI shows of a workflow from its start, even while no worker runs. */
export interface Description {
  /** Plain text on one line. */
  readonly summary: string;
  /** Markdown. */
  readonly details: string;
}

/** In bytes of JSON. The server refuses a workflow whose description is longer. */
export const MAX_SUMMARY_BYTES = 200;
export const MAX_DETAILS_BYTES = 16_000;

/** Describes the run of a plan. `id` is the workflow id, quoted for a shell. */
export function describePlan(plan: Plan, id: string): Description {
  const { name = 'a plan without a name', target, steps } = plan;
  const shown = steps.map(({ name, needs = [], finalize }) => {
    const notes = [
      ...(needs.length === 0 ? [] : [`needs ${needs.map(prose).join(', ')}`]),
      ...(finalize === undefined ? [] : ['has a finalizer']),
    ];
    return `- **${prose(name)}**${notes.length === 0 ? '' : ` ${notes.join('; ')}`}`;
  });
  return {
    summary: summarize(
      `provision ${prose(addressOf(target))}: ${prose(name)}, ${count(steps.length, 'step')}`,
    ),
    details: describe(`Provisions ${prose(addressOf(target))} with **${prose(name)}**.`, shown, id),
  };
}

/** Describes a run that follows a self-provisioning host. */
export function describeWatch(target: Target, id: string): Description {
  const about = `Follows ${prose(addressOf(target))}, which provisions itself.`;
  return {
    summary: summarize(`watch ${prose(addressOf(target))}, which provisions itself`),
    details: describe(`${about} When a step fails, \`retryStep\` makes this run take the host over.`, [], id),
  };
}

export function describeLog(step: string, workflowId: string): Description {
  return {
    summary: summarize(`log of ${prose(step)} for ${prose(workflowId)}`),
    details: `Reads a piece of the log of ${code(step)} for a viewer of ${code(workflowId)}. It changes nothing.`,
  };
}

/** Describes the inspection of a worker, or through it of a host, in one line. */
export function describeInspection(target: Target | undefined): string {
  return summarize(`inspect ${target ? prose(addressOf(target)) : 'a worker'}`);
}

export function describeDriftCheck({ name = 'a plan without a name', target }: Plan): string {
  return summarize(`check ${prose(addressOf(target))} for drift from ${prose(name)}`);
}

/** Describes the workflow that cleans a host, in one line. */
export function describeClean(target: Target): string {
  return summarize(`clean ${prose(addressOf(target))}`);
}

function describe(what: string, steps: readonly string[], id: string): string {
  const parts = [
    what,
    '**To act:** More Actions → Send a Signal, or Send an Update, which answers with the reason if it is refused:',
    actionNames
      .map((name) => `- ${code(name)} ${code(exampleInput(name))}: ${actions[name].summary}`)
      .join('\n'),
    '**In a terminal:**',
    [`watch ${id}`, `logs ${id} NAME`, `attach ${id} NAME`, `retry ${id} NAME`]
      .map((words) => `- ${code(`chandler ${words}`)}`)
      .join('\n'),
    ...(steps.length === 0 ? [] : ['**Steps:**', steps.join('\n')]),
  ];
  return cutBytes(parts.join('\n\n'), MAX_DETAILS_BYTES);
}

function summarize(text: string): string {
  return cutBytes(text, MAX_SUMMARY_BYTES);
}

function jsonBytes(text: string): number {
  return bytesAsJson(text) - 2;
}

/** The longest beginning of a text that fits as JSON, in whole characters. */
export function cutBytes(text: string, maxBytes: number): string {
  if (jsonBytes(text) <= maxBytes) return text;
  let left = maxBytes - jsonBytes('…');
  let kept = '';
  for (const char of text) {
    left -= jsonBytes(char);
    if (left < 0) break;
    kept += char;
  }
  return `${kept}…`;
}
