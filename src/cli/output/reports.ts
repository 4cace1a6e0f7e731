import type { RunResult } from '../../client.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import { describeAuditEntry } from '../../domain/run/audit-trail.ts';
import {
  partName,
  describeInput,
  listParts,
  listUndone,
  skippedText,
  type InputWait,
  type PartFailure,
  type PartStatus,
  type RunStatus,
  type StepStatus,
  type Trouble,
} from '../../domain/run/status.ts';
import type { RunPausedError } from '../../domain/run/server-pause.ts';
import { oneLine, plainText } from '../../domain/text/plain-text.ts';
import { describeTrouble } from './describe-trouble.ts';

/** Makes a command of this program for users to copy. */
export type ToCommand = (...words: readonly string[]) => string;

const TAIL_LINES = 12;

/** Renders what needs attention, why, and what an operator can do. */
export function renderParked(workflowId: string, status: RunStatus, command: ToCommand): string[] {
  const waiting = listParts(status).flatMap(({ step, kind, part }) => {
    if (part.trouble) return [renderTrouble(workflowId, step.name, kind, part.trouble, command)];
    if (part.input) return [renderInput(workflowId, step.name, part.input, command)];
    if (part.state !== 'parked') return [];
    return [renderPart(workflowId, step, kind === 'step' ? undefined : part, command)];
  });
  const { trouble } = status;
  return [
    `${status.host} needs attention:`,
    ...(trouble ? ['', describeTrouble(trouble), `  ${trouble.advice}`] : []),
    ...waiting.flatMap((lines) => ['', ...lines]),
    '',
    `End the run      ${command('abort', workflowId)}`,
    `Follow it        ${command('watch', workflowId)}`,
  ].map(plainText);
}

export function renderInput(
  workflowId: string,
  step: string,
  input: InputWait,
  command: ToCommand,
): string[] {
  return [
    oneLine(`${step} is ${describeInput(input)}`),
    `  Type it        ${command('attach', workflowId, step)}`,
  ];
}

function renderTrouble(
  workflowId: string,
  step: string,
  kind: 'step' | 'finalizer',
  trouble: Trouble,
  command: ToCommand,
): string[] {
  return [
    `${partName(step, kind === 'finalizer')}: ${describeTrouble(trouble)}`,
    `  ${trouble.advice}`,
    `  Ask it now     ${command('retry', workflowId, step)}`,
    `  Start it again ${command('retry', workflowId, step, '--force')}`,
  ];
}

function renderPart(
  workflowId: string,
  step: StepStatus,
  finalizer: PartStatus | undefined,
  command: ToCommand,
): string[] {
  const part = finalizer ?? step;
  const name = partName(step.name, finalizer !== undefined);
  // A finalizer has no session, so the operator gets a shell on the host.
  const hasSession = !finalizer && step.session !== undefined;
  return [
    `${name} (attempt ${part.attempt})${part.failure ? ` ${part.failure.code}: ${part.failure.message}` : ''}`,
    ...renderTail(part.failure),
    ...(part.failure ? [`  ${part.failure.advice}`] : []),
    `  Inspect it     ${hasSession ? command('attach', workflowId, step.name) : command('ssh', workflowId)}`,
    `  Whole log      ${command('logs', workflowId, step.name, ...(finalizer ? ['--finalizer'] : []))}`,
    `  Run it again   ${command('retry', workflowId, step.name)}`,
    `  Skip it        ${command('skip', workflowId, step.name)}`,
  ];
}

export function renderAuditTrail({
  auditTrail,
  refusedActions = 0,
}: Pick<RunStatus, 'auditTrail' | 'refusedActions'>): string[] {
  if (auditTrail.length === 0) return [];
  const shown = auditTrail.filter(({ refused }) => refused !== undefined).length;
  const lines = auditTrail.map(
    (each) => `  ${new Date(each.atMs).toISOString()}  ${oneLine(describeAuditEntry(each))}`,
  );
  const more = refusedActions - shown;
  return [
    '',
    'Audit trail:',
    ...lines,
    ...(more > 0 ? [`  ${more} earlier refused signals are not listed`] : []),
  ];
}

export function renderEnd(result: RunResult, status: RunStatus | undefined): string[] {
  if ('result' in result) {
    const time =
      status?.endedAtMs === undefined ? '' : ` in ${formatDuration(status.endedAtMs - status.startedAtMs)}`;
    const host = status?.host ?? result.result.host;
    const sentinel = status === undefined ? '' : `; sentinel: ${status.sentinel}`;
    if (result.outcome === 'already-provisioned')
      return [plainText(`${host} was provisioned already: no step ran${sentinel}`)];
    if (result.outcome === 'incomplete')
      return [
        `${host}: the selected steps are done${time}; not done: ${listUndone(result.result).join(', ')}`,
        'So no finalizer ran, and no sentinel was written. The next run of the whole plan does what is not done.',
      ].map(plainText);
    const skipped = skippedText(status ?? { steps: [...result.result.steps] });
    return [
      `${host} is provisioned${time}${skipped}${sentinel}`,
      ...(skipped === '' ? [] : ['The next run of this plan does what was skipped.']),
    ].map(plainText);
  }
  const { code, message } = result.failure;
  // The server records only the cancellation; the run's status shows what was ended.
  const { advice } = (result.outcome === 'aborted' && status?.failure) || result.failure;
  return [
    `The run ${result.outcome === 'aborted' ? describeAbort(message) : `failed (${code}): ${message}`}`,
    ...renderTail(result.failure),
    advice,
  ].map(plainText);
}

/** A run's own message begins with the action; the server's message does not. */
function describeAbort(message: string): string {
  return /^(aborted|cancelled|terminated)\b/.test(message) ? `was ${message}` : `was aborted: ${message}`;
}

/** Renders a run that Temporal's workflow pause holds. The run does not answer, so this is what the server knows. */
export function renderHeld(
  workflowId: string,
  { message, known }: RunPausedError,
  command: ToCommand,
): string[] {
  const { plan, host, phase, lastLines } = known;
  return [
    [plan, host, phase].filter((word) => word !== '').join(' · '),
    `${message.charAt(0).toUpperCase()}${message.slice(1)}`,
    '',
    'Until then it starts nothing and answers no question, so how far its steps are is not known. What runs on the host continues.',
    ...lastLines.map(({ step, lastLine }) => `  ${step} printed last: ${lastLine}`),
    '',
    'An action is sent as a signal, and accepted or refused once the run is unpaused:',
    `  End the run    ${command('abort', workflowId)}`,
  ].map(plainText);
}

/** Renders the commands to use after leaving an open run. */
export function renderDetached(workflowId: string, command: ToCommand): string[] {
  return [
    'Stopped following; the run continues.',
    `  Follow it again  ${command('watch', workflowId)}`,
    `  End it           ${command('abort', workflowId)}`,
  ];
}

/** Renders the end of a log in its own block, without control sequences. */
function renderTail(failure: PartFailure | undefined): string[] {
  const lines = plainText(failure?.logTail ?? '')
    .trimEnd()
    .split('\n')
    .slice(-TAIL_LINES);
  return lines.join('') === '' ? [] : lines.map((line) => `  | ${line}`.trimEnd());
}
