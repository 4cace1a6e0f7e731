import { describeFailedTask } from '../output/describe-failed-task.ts';
import { isFullyParked, listParts, type InputWait, type RunStatus } from '../../domain/run/status.ts';
import type { CliContext } from '../context.ts';
import { CliError, isNotFound } from '../errors.ts';
import { exitCodeOf, exitCodes, type ExitCode } from '../exit-codes.ts';
import {
  renderDetached,
  renderEnd,
  renderHeld,
  renderInput,
  renderParked,
  type ToCommand,
} from '../output/reports.ts';
import { isOver, type LiveRuns, type RunView } from './live-runs.ts';
import { createRunDisplay, type RunDisplay } from './run-displays.ts';
import { watchRun, type RunSource } from './watch-run.ts';

export interface FollowOptions {
  /** Whether to continue when only an operator can help; default: on a terminal. */
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** Shows a run until it is over, until Ctrl-C, or until it is parked and `--wait` was not set. Returns the exit code. */
export async function followRun(
  context: CliContext,
  source: Pick<RunSource, 'client' | 'connect' | 'workflowId'>,
  options: FollowOptions,
  command: ToCommand,
  display: RunDisplay = createRunDisplay(context, options.json === true),
): Promise<ExitCode> {
  const { json = false, wait = context.isTty && !json } = options;
  const { workflowId } = source;
  const report = createReporter({ workflowId, display, wait, command });
  let host: string | undefined;
  try {
    const exitCode = await watchRun({ ...source, now: context.now, signal: context.signal }, (run, live) => {
      host = run?.status?.host ?? host;
      return report(run, live);
    });
    if (exitCode !== undefined) return exitCode;
  } catch (error) {
    if (!isNotFound(error) || host === undefined) throw error;
    const text = `the run was deleted from the server while it was followed. Its steps may still run on ${host}; list them with: ${command('clean', host)}`;
    throw new CliError(exitCodes.failed, text, { cause: error, code: 'not-found' });
  }
  display.close();
  display.say(...renderDetached(workflowId, command));
  return exitCodes.interrupted;
}

interface Reporting {
  readonly workflowId: string;
  readonly display: RunDisplay;
  readonly wait: boolean;
  readonly command: ToCommand;
}

/** Returns a function that shows changes, and returns the exit code once there is nothing more to follow. */
function createReporter(reporting: Reporting) {
  const { workflowId, display, wait, command } = reporting;
  const prompts = new Set<string>();
  let shown: RunView | undefined;
  let silent: string | undefined;
  let parked = '';

  const whySilent = ({ info }: RunView) =>
    info.failedTask
      ? describeFailedTask(info.failedTask)
      : `No worker answers for this run. It continues once one does; start one with: ${command('worker')}`;
  const reportSilence = (text: typeof silent) => {
    if (text !== undefined && text !== silent) display.say(...text.split('\n'));
    silent = text;
  };

  const reportHeld = ({ held, status }: RunView, before: RunView | undefined) => {
    if (!held || held.message === before?.held?.message) return;
    if (status) display.show({ ...status, serverPause: held.pause }, []);
    else display.say(...renderHeld(workflowId, held, command));
  };

  const reportStatus = ({ status, progress }: RunView, before: RunView | undefined): ExitCode | undefined => {
    if (!status || (status === before?.status && progress === before.progress)) return undefined;
    display.show(status, progress);
    for (const [step, input] of newPrompts(status, prompts))
      display.say(...renderInput(workflowId, step, input, command));
    const key = isFullyParked(status) ? parkedKey(status) : '';
    const isNews = key !== '' && key !== parked;
    parked = key;
    if (!isNews) return undefined;
    if (!wait) display.close();
    display.say(...renderParked(workflowId, status, command));
    return wait ? undefined : exitCodes.parked;
  };

  return (run: RunView | undefined, live: LiveRuns): ExitCode | undefined => {
    const isSilent = run?.silentSinceMs !== undefined;
    reportSilence(
      live.lost
        ? 'The Temporal server does not answer; waiting for it'
        : isSilent && !isOver(run)
          ? whySilent(run)
          : undefined,
    );
    if (!run || run === shown) return undefined;
    const before = shown;
    shown = run;
    if (run.held) reportHeld(run, before);
    else {
      const exitCode = reportStatus(run, before);
      if (exitCode !== undefined) return exitCode;
    }
    // The last status arrives after the result, unless no worker answers.
    if (!run.result || !(run.final || isSilent)) return undefined;
    display.close();
    display.say(...renderEnd(run.result, run.status));
    return exitCodeOf(run.result);
  };
}

/** The steps that wait at a prompt which is not in `known`. */
function newPrompts({ steps }: RunStatus, known: Set<string>): [string, InputWait][] {
  return steps.flatMap(({ name, input }): [string, InputWait][] => {
    const key = `${name} ${input?.sinceMs}`;
    if (!input || known.has(key)) return [];
    known.add(key);
    return [[name, input]];
  });
}

/** Distinguishes successive parked states, because a retry that fails again must be reported. */
function parkedKey(status: RunStatus): string {
  return listParts(status)
    .map(({ part: { state, attempt, trouble } }) => `${state} ${attempt} ${trouble?.sinceMs ?? ''}`)
    .concat(`${status.trouble?.sinceMs ?? ''}`)
    .join();
}
