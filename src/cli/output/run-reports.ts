import { access, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { ChandlerClient } from '../../client.ts';
import { reasonOf } from '../../domain/run/failure.ts';
import { renderStatusMarkdown } from '../../domain/run/status-markdown.ts';
import type { RunStatus } from '../../domain/run/status.ts';
import { prose } from '../../domain/text/markdown.ts';
import { usageError } from '../errors.ts';
import { renderJunit } from './render-junit.ts';

/** The run on one host, for a report. */
export interface ReportedRun {
  /** The name of the host. */
  readonly name: string;
  /** Missing if it could not be read. */
  readonly status?: RunStatus;
  /** Why there is no status. */
  readonly message?: string;
}

const FORMATS = { junit: renderJunit, markdown: renderMarkdown } as const;

export interface ReportOptions {
  readonly report?: readonly { readonly format: keyof typeof FORMATS; readonly file: string }[];
}

export function withReportOption(command: Command): Command {
  return command.option(
    '--report <format=file>',
    'write a report when the command ends: junit=FILE or markdown=FILE; may be repeated',
    addReport,
  );
}

function addReport(text: string, earlier: ReportOptions['report'] = []): ReportOptions['report'] {
  const [, format, file = ''] = /^([^=]*)=(.+)$/s.exec(text) ?? [];
  if (format !== 'junit' && format !== 'markdown')
    throw new InvalidArgumentError('It must be junit=FILE or markdown=FILE.');
  return [...earlier, { format, file }];
}

/** Fails before a long run whose reports would have nowhere to go. @throws CliError usage for a missing directory */
export async function requireReportDirectories({ report = [] }: ReportOptions): Promise<void> {
  for (const { file } of report)
    await access(dirname(file)).catch((error: unknown) => {
      throw usageError(`--report: cannot write ${file}: ${reasonOf(error)}; nothing was started`);
    });
}

/** Asks a run for its entry in a report. */
export async function readReported(client: ChandlerClient, name: string, id: string): Promise<ReportedRun> {
  return client.status(id).then(
    (status) => ({ name, status }),
    (error: unknown) => ({ name, message: `the run could not be asked: ${reasonOf(error)}` }),
  );
}

/** Writes the reports that were requested. @throws Error if a file cannot be written */
export async function writeReports(
  { report = [] }: ReportOptions,
  runs: readonly ReportedRun[],
): Promise<void> {
  await Promise.all(
    report.map(({ format, file }) =>
      writeFile(file, FORMATS[format](runs)).catch((error: unknown) => {
        throw new Error(`cannot write the report ${file}: ${reasonOf(error)}`);
      }),
    ),
  );
}

function renderMarkdown(runs: readonly ReportedRun[]): string {
  const sections = runs.map(({ name, status, message }) => {
    return `## ${prose(name)}\n\n${status ? renderStatusMarkdown(status) : prose(message ?? 'unknown')}\n`;
  });
  return sections.join('\n');
}
