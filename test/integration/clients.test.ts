import type { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { defaultCacheDir } from '../../src/dev/temporal/index.ts';
import type { Plan } from '../../src/domain/plan/schema.ts';
import type { RunStatus } from '../../src/domain/run/status.ts';
import { readBlocks } from '../support/follow-page.ts';
import { problemsOf, validateSent } from '../support/schemas.ts';
import { startStack, type Stack } from '../support/stack.ts';

const exec = promisify(execFile);
const clients = fileURLToPath(new URL('../../examples/clients/', import.meta.url));
/** Shared by all test runs, as the Temporal CLI is. */
let cache: string;
const http = inject('temporalHttp');
/** Started once, so that all clients share one server and one host. */
let stack: Stack;
let dir: string;

/** The commands that the page has for each client, and for the workflow: the last one runs it, those before build it. */
const COMMANDS = Object.fromEntries(
  readFileSync(new URL('../../docs/from-other-languages.md', import.meta.url), 'utf8')
    .split(/^(?=\*\*|## )/m)
    .flatMap((section) => {
      const name = section.startsWith('## As a part of') ? 'workflow' : /^\*\*(\w+)/.exec(section)?.[1];
      const commands = readBlocks(section).flatMap((block) => ('commands' in block ? block.commands : []));
      return name !== undefined && commands.length > 0
        ? [[name, commands.map(({ command }) => command)]]
        : [];
    }),
) as Readonly<Record<string, readonly string[]>>;
const CLIENTS = ['Python', 'Go', 'Java', 'HTTP'];

/**
 * What makes the commands faster, and has them keep what they download in `$CACHE`. Optimizing a program or compiling it
 * once more takes longer than all else that it does.
 */
const ENVIRONMENT: Readonly<Record<string, Record<string, string>>> = {
  Python: {
    PIP_TARGET: '$CACHE',
    PIP_QUIET: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_ROOT_USER_ACTION: 'ignore',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONPATH: '$CACHE',
  },
  Go: {
    CGO_ENABLED: '0',
    GOPATH: '$CACHE',
    GOCACHE: '$CACHE/build',
    GOFLAGS: `-modcacherw "-gcflags=all=-N -l -dwarf=false" "-ldflags=-s -w"`,
  },
  Java: {
    MAVEN_OPTS: '-Dmaven.repo.local=$CACHE',
    JDK_JAVA_OPTIONS: '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC',
  },
  HTTP: { TEMPORAL_HTTP_HOST: http.host },
};

/** Runs commands of the page, as one script, where the reader would. */
const shell = async (client: string, commands: readonly string[]) => {
  const CACHE = join(cache, client.toLowerCase());
  const own = Object.entries(ENVIRONMENT[client] ?? {}).map(([key, value]) => [
    key,
    value.replace('$CACHE', CACHE),
  ]);
  const env = { ...process.env, CACHE, ...(Object.fromEntries(own) as Record<string, string>) };
  const { stdout } = await exec('bash', ['-euc', commands.join('\n')], { env, cwd: dir });
  return stdout;
};

/** The command that runs a client or the workflow. */
const runCommand = (name: string, file: string, more = '') => {
  const [enter = '', ...commands] = COMMANDS[name] ?? [];
  const command = (commands.at(-1) ?? '')
    .replace('ADDRESS', stack.address)
    .replace('URL', http.url)
    .replace('TASK_QUEUE', stack.taskQueue)
    .replace('PLAN.json', file);
  return [enter, `${command} ${more}`] as const;
};

beforeAll(async () => {
  stack = await startStack();
  dir = await mkdtemp(join(tmpdir(), 'chandler-clients-'));
  const clientsDir = join(defaultCacheDir(process.env), 'clients');
  await mkdir(clientsDir, { recursive: true });
  // Go compiles everything anew where the path of a module is another one, as it is in each test run's own home.
  cache = await realpath(clientsDir);
  await cp(clients, join(dir, 'examples/clients'), { recursive: true });
});
afterAll(async () => {
  await stack.stop();
  await rm(dir, { recursive: true, force: true });
});

/** The run of the host that a client has started. */
const lastRun = () =>
  stack.client.temporal.workflow.getHandle(`provision:${stack.host.host}:${stack.host.port}`);

/** A file with a plan for the host whose steps run although an earlier test has done them. */
async function planFile(plan: Omit<Plan, 'target'>): Promise<string> {
  const file = join(dir, 'plan.json');
  await writeFile(file, JSON.stringify({ target: stack.target(), run: { force: true }, ...plan }));
  return file;
}

describe.each(CLIENTS)('the client in %s', (name) => {
  beforeAll(async () => {
    // Not all tools can share their cache with another test run while they fill it.
    const lock = 'mkdir -p "$CACHE"; exec 9>"$CACHE/.lock"; flock 9';
    await shell(name, [lock, ...(COMMANDS[name] ?? []).slice(0, -1)]);
    // The first build compiles everything.
  }, 900_000);

  /** Runs it. Standard error is part of its output, as for a person. */
  const run = async (plan: Omit<Plan, 'target'>, stepToRetry = '') => {
    const file = await planFile(plan);
    const [enter, command] = runCommand(name, file, stepToRetry);
    const printed = await shell(name, [enter, `${command} 2>&1 || echo "exit $?"`]);
    const output = printed.replaceAll(/^.*(?:SLF4J|INFO|JDK_JAVA_OPTIONS).*\n/gm, '');
    const started = `started provision:${stack.host.host}:${stack.host.port}\n`;
    if (!output.startsWith(started)) throw new Error(`the client printed:\n${output}`);
    return output.slice(started.length).trimEnd();
  };

  it('retries a step that needs attention, and describes the run in the UI', async () => {
    const script = 'echo attempt $CHANDLER_ATTEMPT; [ "$CHANDLER_ATTEMPT" -gt 1 ]';
    expect(await run({ name: 'flaky plan', steps: [{ name: 'flaky', script }] })).toBe(
      'retried flaky\nprovisioned',
    );
    const { raw } = await lastRun().describe();
    const { summary, details } = raw.executionConfig?.userMetadata ?? {};
    expect(JSON.parse(Buffer.from(summary?.data ?? '').toString())).toMatch(/^provision 127\.0\.0\.1:\d+/);
    expect(JSON.parse(Buffer.from(details?.data ?? '').toString())).toMatch(/^Started by /);
    const status = await lastRun().query<RunStatus>('status');
    expect(status.auditTrail).toMatchObject([{ action: 'retryStep', step: 'flaky' }]);
    expect(problemsOf('status', JSON.stringify(status), 'run')).toEqual([]);
    expect(problemsOf('result', JSON.stringify(await lastRun().result()), 'run')).toEqual([]);
    expect(await validateSent(lastRun())).toEqual(
      ['plan', 'retryStep'].map((sent) => ({ name: sent, problems: [] })),
    );
  });

  it('prints the code, the message and the advice of a failed run', async () => {
    const printed = await run({ onStepFailure: 'fail', steps: [{ name: 'bad', script: 'exit 3' }] });
    expect(printed).toMatch(/failed: step-failed: .*bad.*exit 3.*\n.+\nexit 1$/);
    const error: unknown = await lastRun()
      .result()
      .catch((reason: unknown) => reason);
    const { details } = (error as WorkflowFailedError).cause as ApplicationFailure;
    expect(problemsOf('failure', JSON.stringify(details?.[0]), 'run')).toEqual([]);
  });

  it('prints why an update is refused, and aborts the run by a signal', async () => {
    const steps = [{ name: 'network', script: 'exit 3' }];
    const printed = await run({ steps }, 'netwrk');
    expect(printed).toMatch(
      /^refused: there is no step "netwrk"; did you mean network\?.*\n.*failed: aborted: /,
    );
    expect(printed).toContain('the retry was refused');
    // The refused update is no part of the history.
    expect(await validateSent(lastRun())).toEqual(
      ['plan', 'abort'].map((sent) => ({ name: sent, problems: [] })),
    );
  });
});

describe('a workflow in Python', () => {
  const run = async (plan: Omit<Plan, 'target'>) => {
    const file = await planFile(plan);
    return (await shell('Python', runCommand('workflow', file))).trimEnd();
  };
  it.each([
    ['goes on when its host is provisioned', 'true', '127.0.0.1 is provisioned and can be used'],
    ['learns why its host is not', 'exit 3', 'not usable: step-failed'],
  ])('calls provision as a child: %s', async (_, script, expected) => {
    expect(await run({ onStepFailure: 'fail', steps: [{ name: 'a', script }] })).toBe(expected);
  });
});
