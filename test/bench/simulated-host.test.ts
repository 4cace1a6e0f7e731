import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { frame, parseHostCall } from '../../bench/parse-host-call.ts';
import { SimulatedHost } from '../../bench/simulated-host.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import type { Host } from '../../src/host/host.ts';
import { renderLaunchBody } from '../../src/host/launch-body.ts';
import { listLeftovers } from '../../src/host/host-report.ts';
import { probeHost } from '../../src/host/probe.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { render } from '../../src/shell/index.ts';
import type { Executor } from '../../src/ssh/index.ts';
import { FrameReader } from '../../src/ssh/frames.ts';
import { hostAt } from '../support/host-at.ts';
import { LocalExecutor } from '../support/local-executor.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'chandler-simulated-'));
afterAll(() => rmSync(stateDir, { recursive: true, maxRetries: 5 }));

/** Runs the host program's calls on a simulated host. */
function simulate(host: SimulatedHost): Executor {
  return {
    async exec(command, { stdin = '', onOutput, signal } = {}) {
      const call = parseHostCall(render(command));
      if (!call) return { kind: 'exited', code: 127, stdout: '', stderr: '' };
      const say = (body: string) => onOutput?.(Buffer.from(frame(call.token, body)));
      const over = signal ?? new AbortController().signal;
      const code = await host.answer({ ...call, stdin: Buffer.from(stdin), say, signal: over });
      return { kind: 'exited', code, stdout: '', stderr: '' };
    },
  };
}

/** Records the answers to every call, without times and sizes, and without what depends on the machine. */
function recording(executor: Executor): { readonly executor: Executor; readonly answers: string[] } {
  const answers: string[] = [];
  return {
    answers,
    executor: {
      exec(command, options = {}) {
        const call = parseHostCall(render(command));
        const reader = new FrameReader(call?.token ?? '');
        const onOutput = (chunk: Uint8Array) => {
          for (const body of reader.push(chunk))
            if (!body.startsWith('progress')) answers.push(`${call?.subcommand}: ${normalized(body)}`);
          options.onOutput?.(chunk);
        };
        return executor.exec(command, { ...options, onOutput });
      },
    },
  };
}

function normalized(body: string): string {
  if (/^(path|tools|arch|uid|boot|state_dir|zmx_dir|os|zmx|program)=/.test(body))
    return body.replace(/=.*/, '');
  return body
    .replaceAll(/\b(at|elapsed_ms|log_bytes|since|processes)=\d+|\b(found)=[1-9]\d*/g, '$1$2=N')
    .replace(/^refused=(\S+) .*/, 'refused=$1');
}

const programs = loadPrograms();
const launches = ['quick', 'failing', 'long'].map((step) => makeLaunch('owner', step, 'finalizer', 1));

/** Everything that the run of a fleet asks a host. */
async function play(host: Host, executor: Executor): Promise<void> {
  const [quick, failing, long] = launches as [
    (typeof launches)[0],
    (typeof launches)[0],
    (typeof launches)[0],
  ];
  const sentinelPath = `${stateDir}/provisioned`;
  const wanted = { sentinelPath, plan: 'p', pruneAfterDays: 30 };
  const body = (launch: typeof quick, script: string) =>
    renderLaunchBody(launch, { script, env: { A: '1' } });
  const record = (part: string) => ({ place: `p/${part}`, digest: 'a'.repeat(20), needs: [], former: '-' });
  const options = { secrets: '', lease: 'one', forS: 2 };
  await host.prepare('one', { ...wanted, doneMark: 'digest' });
  await host.launch(quick.id, body(quick, 'sleep 0.2'), { ...options, record: record('finalizer.quick') });
  await host.launch(quick.id, body(quick, 'sleep 0.2'), options);
  await host.launch(failing.id, body(failing, 'exit 3'), { ...options, record: record('finalizer.failing') });
  await host.wait(failing.id);
  await host.launch(long.id, body(long, 'sleep 60'), { ...options, forS: 0 });
  await host.state(long.id);
  await host.wait(long.id, { everyS: 1, forS: 1 });
  await host.prepare('one', wanted);
  await host.prepare('two', wanted);
  await listLeftovers({ executor, programs }, stateDir);
  await host.states([quick.id, long.id]);
  await host.launch(quick.id, body(quick, 'true'), { ...options, lease: 'two' });
  const late = { ...options, lease: 'two', record: record('finalizer.late') };
  await expect(host.launch('1'.repeat(20), body(quick, 'true'), late)).rejects.toThrow('launch: ');
  await host.kill(long.id, { graceS: 1 });
  await host.finish('one', { sentinelPath, content: 'digest\n', close: [] });
  await host.finish('one', { sentinelPath, content: 'digest\n', close: [] });
  await host.prepare('two', { ...wanted, doneMark: 'digest' });
  await host.prepare('two', wanted);
  await host.release('two');
  await host.readSentinel(sentinelPath);
  await host.removeSentinel(sentinelPath);
  await host.state('0'.repeat(20));
}

test('a simulated host answers as the real host program does', { timeout: 60_000 }, async () => {
  const real = recording(new LocalExecutor());
  const { missingPrograms } = await probeHost(real.executor, programs, { stateDir });
  expect(missingPrograms).toBe(true);
  const realHost = hostAt(real.executor, stateDir, programs);
  await realHost.installPrograms();
  await play(realHost, real.executor);

  const simulated = recording(simulate(new SimulatedHost()));
  await probeHost(simulated.executor, programs, { stateDir });
  await play(hostAt(simulated.executor, stateDir, programs), simulated.executor);
  // The real machine may have no zmx.
  const withoutZmx = (answers: readonly string[]) => answers.filter((answer) => answer !== 'probe: zmx');
  expect(withoutZmx(simulated.answers)).toEqual(withoutZmx(real.answers));
});
