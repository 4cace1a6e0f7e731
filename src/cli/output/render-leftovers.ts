import { definedOnly } from '../../domain/defined-only.ts';
import { count } from '../../domain/text/count.ts';
import {
  describeLeftover,
  type CleanResult,
  type OpenSession,
  type OwnedLeftover,
} from '../../domain/run/leftovers.ts';
import { sessionName } from '../../domain/run/ids.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { LeftoverOutput } from './outputs.ts';

/** Renders what `clean` found, and the command that ends it. */
export function renderFound(
  host: string,
  leftovers: readonly OwnedLeftover[],
  sessions: readonly OpenSession[],
  atWork: string | undefined,
  command: string,
): string[] {
  return [
    ...(atWork === undefined
      ? []
      : [`${oneLine(atWork)} is at work on ${host}; what it runs is not listed.`]),
    ...(leftovers.length === 0
      ? [`No earlier run left a step running on ${host}.`]
      : [`Left running on ${host}:`, ...leftovers.map((each) => `  ${oneLine(describeLeftover(each))}`)]),
    ...(sessions.length === 0
      ? []
      : [`Open sessions of steps that are over: ${sessions.map(({ session }) => session).join(', ')}`]),
    ...(leftovers.length + sessions.length === 0 ? [] : [`End all of it with: ${command}`]),
  ];
}

/** Renders what `clean --end` did. */
export function renderCleaned(host: string, { ended, closed, open }: CleanResult): string[] {
  if (ended.length + closed.length + open.length === 0) return [`Nothing was left on ${host}.`];
  return [
    ...ended.map((each) => {
      const what = oneLine(describeLeftover(each));
      return each.left === 0
        ? `Ended ${what}`
        : `Could not end ${what}: ${count(each.left, 'process', 'processes')} would not die`;
    }),
    ...(closed.length === 0 ? [] : [`Closed the sessions ${closed.join(', ')}`]),
    ...(open.length === 0 ? [] : [`Could not close the sessions ${open.join(', ')}`]),
  ];
}

/** Renders what a terminated run left on its host; `unknown` is why that is not known. */
export function renderLeftovers(
  host: string,
  found: { readonly leftovers: readonly OwnedLeftover[] } | { readonly unknown: string },
  command: string,
): string[] {
  if ('unknown' in found)
    return [`Whether a step of it still runs on ${host} is not known: ${found.unknown}`];
  if (found.leftovers.length === 0) return [`No step of it runs on ${host}.`];
  const successor = found.leftovers.find(({ atWork }) => atWork)?.workflowId;
  if (successor !== undefined)
    return [`${oneLine(successor)} continues the steps that this run left running on ${host}.`];
  return [
    `Still running on ${host}:`,
    ...found.leftovers.map((each) => `  ${oneLine(describeLeftover(each))}`),
    `End it with: ${command}`,
  ];
}

/** A leftover for programs. */
export function toJson(leftover: OwnedLeftover): LeftoverOutput {
  const { launch, state, sinceMs, processes, workflowId: run } = leftover;
  const { id, step, kind, attempt } = launch;
  const session = sessionName(launch);
  return definedOnly({ launch: id, step, kind, attempt, session, state, sinceMs, processes, run });
}
