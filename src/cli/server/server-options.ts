import { quote } from '../../shell/index.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { announceOn, type CliContext } from '../context.ts';

export interface ServerOptions {
  readonly address?: string;
  readonly namespace?: string;
  readonly taskQueue?: string;
  /** Selects an earlier run of the id. */
  readonly runId?: string;
}

const OF_ONE_RUN: ReadonlySet<string | undefined> = new Set(['status', 'watch', 'logs', 'attach', 'ssh']);

/** A command line for users to copy that reaches the same server and run. */
export function copyable(context: CliContext, options: ServerOptions, ...words: readonly string[]): string {
  const { runId } = options;
  const run = runId !== undefined && OF_ONE_RUN.has(words[0]) ? ['--run-id', runId] : [];
  return `${context.program} ${[...words, ...run, ...serverFlags(options)].map((word) => quote(word)).join(' ')}`;
}

/** The options with which another command reaches the same server. */
export function serverFlags(options: ServerOptions): string[] {
  return [
    ...(options.address === undefined ? [] : ['--address', options.address]),
    ...(options.namespace === undefined ? [] : ['--namespace', options.namespace]),
    ...(options.taskQueue === undefined ? [] : ['--task-queue', options.taskQueue]),
  ];
}

/** Returns a function that prints once that no worker answers, however many requests wait for one. */
export function announceWaiting(context: CliContext, options: ServerOptions): (taskQueue: string) => void {
  let announced = false;
  return (taskQueue) => {
    if (announced) return;
    announced = true;
    announceOn(context)(
      `No worker answers on the task queue ${oneLine(taskQueue)}; waiting for one: ${copyable(context, options, 'worker')}`,
    );
  };
}
