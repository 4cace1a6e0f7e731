import type { WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { defaultCacheDir } from '../../src/dev/temporal/index.ts';
import type { Plan } from '../../src/domain/plan/schema.ts';
import type { RunStatus } from '../../src/domain/run/status.ts';
import { problemsOf } from '../support/schemas.ts';
import { startStack, type Stack } from '../support/stack.ts';

const exec = promisify(execFile);
const clients = fileURLToPath(new URL('../../examples/clients/', import.meta.url));
/** Shared by all test runs, as the Temporal CLI is. */
const cache = join(defaultCacheDir(process.env), 'clients');
const http = inject('temporalHttp');
/** Started once, so that all clients share one server and one host. */
let stack: Stack;
let dir: string;

/** How each client is built, and the command that runs it. `$CACHE` is kept, and shared by test runs; `$BUILT` is new. */
const CLIENTS = {
  Python: {
    build:
      'python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --target "$CACHE" temporalio==1.35.0',
    run: `PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$CACHE" python3 ${clients}python/provision.py "$ADDRESS"`,
  },
  Go: {
    // What only makes a program faster or easier to debug takes much of the time of a build.
    build: `cd ${clients}go && CGO_ENABLED=0 GOFLAGS=-modcacherw GOPATH="$CACHE" GOCACHE="$CACHE/build" go build -gcflags='all=-N -l -dwarf=false' -ldflags='-s -w' -o "$BUILT/provision" .`,
    run: '"$BUILT/provision" "$ADDRESS"',
  },
  Java: {
    // Compiled once, which takes longer than all else that it does.
    build: `mvn -q -B -f ${clients}java -Dmaven.repo.local="$CACHE" dependency:build-classpath -Dmdep.outputFile="$BUILT/classpath"; javac -cp "$(cat "$BUILT/classpath")" -d "$BUILT/classes" ${clients}java/Provision.java`,
    run: `java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$BUILT/classes:$(cat "$BUILT/classpath")" Provision "$ADDRESS"`,
  },
  HTTP: {
    build: ':',
    run: `TEMPORAL_HTTP_HOST=${http.host} ${clients}http/provision.sh ${http.url}`,
  },
} as const;
type ClientName = keyof typeof CLIENTS;

const shell = async (name: ClientName, script: string) => {
  const [CACHE, BUILT] = [cache, dir].map((parent) => join(parent, name.toLowerCase()));
  const env = { ...process.env, CACHE, BUILT, ADDRESS: stack.address };
  const { stdout } = await exec('bash', ['-euc', script], { env });
  return stdout;
};

beforeAll(async () => {
  stack = await startStack();
  dir = await mkdtemp(join(tmpdir(), 'chandler-clients-'));
  await mkdir(cache, { recursive: true });
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

describe.each(Object.keys(CLIENTS) as ClientName[])('the client in %s', (name) => {
  beforeAll(async () => {
    // Not all tools can share their cache with another test run while they fill it.
    await shell(name, `mkdir -p "$CACHE" "$BUILT"; exec 9>"$CACHE/.lock"; flock 9; ${CLIENTS[name].build}`);
    // The first build compiles everything.
  }, 900_000);

  /** Runs it. Standard error is part of its output, as for a person. */
  const run = async (plan: Omit<Plan, 'target'>, stepToRetry = '') => {
    const file = await planFile(plan);
    const line = `${CLIENTS[name].run} ${stack.taskQueue} ${file} ${stepToRetry} 2>&1 || echo "exit $?"`;
    const output = (await shell(name, line)).replaceAll(/^.*(?:SLF4J|INFO).*\n/gm, '');
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
  });
});

describe('a workflow in Python', () => {
  const run = async (plan: Omit<Plan, 'target'>) => {
    const file = await planFile(plan);
    const program = `PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$CACHE" python3 ${clients}python/provision_and_use.py`;
    return (await shell('Python', `${program} "$ADDRESS" ${stack.taskQueue} ${file}`)).trimEnd();
  };
  it.each([
    ['goes on when its host is provisioned', 'true', '127.0.0.1 is provisioned and can be used'],
    ['learns why its host is not', 'exit 3', 'not usable: step-failed'],
  ])('calls provision as a child: %s', async (_, script, expected) => {
    expect(await run({ onStepFailure: 'fail', steps: [{ name: 'a', script }] })).toBe(expected);
  });
});
