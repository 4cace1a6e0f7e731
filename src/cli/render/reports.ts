import type { RunResult } from '../../client.ts';
import { formatDuration } from '../../domain/duration.ts';
import { describeIntervention } from '../../domain/intervention.ts';
import type { Intervention, PartFailure, PartStatus, RunStatus, StepStatus } from '../../domain/status.ts';
import { oneLine, plainText } from '../../domain/terminal.ts';

/** Makes a command of this program for a person to copy. */
export type ToCommand = (...words: readonly string[]) => string;

const TAIL_LINES = 12;

/** What needs a person, why, and what that person can do. */
export function renderParked(workflowId: string, status: RunStatus, command: ToCommand): string[] {
  const parked = status.steps.flatMap((step) => [
    ...(step.state === 'parked' ? [renderPart(workflowId, step, undefined, command)] : []),
    ...(step.finalizer?.state === 'parked' ? [renderPart(workflowId, step, step.finalizer, command)] : []),
  ]);
  return [
    `${status.host} needs a person:`,
    ...parked.flatMap((lines) => ['', ...lines]),
    '',
    `End the run      ${command('abort', workflowId)}`,
    `Follow it        ${command('watch', workflowId)}`,
  ].map(plainText);
}

function renderPart(
  workflowId: string,
  step: StepStatus,
  finalizer: PartStatus | undefined,
  command: ToCommand,
): string[] {
  const part = finalizer ?? step;
  const name = finalizer ? `${step.name} (finalizer)` : step.name;
  // A finalizer has no session: one looks around on the host.
  const hasSession = !finalizer && step.session !== undefined;
  return [
    `${name} (try ${part.generation})${part.failure ? ` ${part.failure.code}: ${part.failure.message}` : ''}`,
    ...renderTail(part.failure),
    `  Look around    ${hasSession ? command('attach', workflowId, step.name) : command('ssh', workflowId)}`,
    `  Whole log      ${command('logs', workflowId, step.name, ...(finalizer ? ['--finalizer'] : []))}`,
    `  Run it again   ${command('retry', workflowId, step.name)}`,
    `  Skip it        ${command('skip', workflowId, step.name)}`,
  ];
}

/** What people have done to a run, the latest last. */
export function renderInterventions(interventions: readonly Intervention[]): string[] {
  if (interventions.length === 0) return [];
  const lines = interventions.map(
    (each) => `  ${new Date(each.atMs).toISOString()}  ${oneLine(describeIntervention(each))}`,
  );
  return ['', 'What people did:', ...lines];
}

/** How a run ended. */
export function renderEnd(result: RunResult, status: RunStatus | undefined): string[] {
  if ('result' in result) {
    const time =
      status?.endedAtMs === undefined ? '' : ` in ${formatDuration(status.endedAtMs - status.startedAtMs)}`;
    const host = status?.host ?? result.result.host;
    const sentinel = status === undefined ? '' : `; the sentinel ${status.sentinel} says so`;
    return [
      result.outcome === 'provisioned'
        ? `${host} is provisioned${time}${sentinel}`
        : `${host} was provisioned already: no step ran${sentinel}`,
    ].map(plainText);
  }
  const { code, message, advice } = result.failure;
  return [
    `The run ${result.outcome === 'aborted' ? 'was aborted' : 'failed'} (${code}): ${message}`,
    ...renderTail(result.failure),
    ...(result.outcome === 'failed' ? [advice] : []),
  ].map(plainText);
}

/** What to type after leaving a run that goes on. */
export function renderDetached(workflowId: string, command: ToCommand): string[] {
  return [
    'Not following any more; the run goes on.',
    `  Follow it again  ${command('watch', workflowId)}`,
    `  End it           ${command('abort', workflowId)}`,
  ];
}

/** The end of a log, set apart, without what would drive a terminal. */
function renderTail(failure: PartFailure | undefined): string[] {
  const lines = plainText(failure?.logTail ?? '')
    .trimEnd()
    .split('\n')
    .slice(-TAIL_LINES);
  return lines.join('') === '' ? [] : lines.map((line) => `  | ${line}`.trimEnd());
}
