import { describe, expect, it, test } from 'vitest';
import { ChandlerError } from '../../src/domain/run/failure.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { parseSessions, Runner, stepNames } from '../../src/library/index.ts';
import { render, type Command } from '../../src/shell/index.ts';
import type { ExecOptions, Executor, Outcome } from '../../src/ssh/index.ts';
import { asPrinted } from '../support/frames.ts';

const facts = { arch: 'x86_64', os: 'test', uid: 0, bootId: 'b', stateDir: '/s', zmxDir: '/z', tools: [] };
const zmx = { path: '/bin/zmx', version: '0.7.0', source: 'existing' } as const;
const unreachable = new ChandlerError('host-unreachable', 'no route');
const say = (stdout: string, code = 0, stderr = ''): Outcome => ({ kind: 'exited', code, stdout, stderr });

/** Answers a command by the first rule whose key is in it; everything else is a fault. */
function fakeExecutor(rules: Readonly<Record<string, Outcome | Error>>): Executor & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async exec(command: Command, options?: ExecOptions) {
      const line = render(command);
      asked.push(line);
      const answer = Object.entries(rules).find(([part]) => line.includes(part))?.[1];
      if (answer === undefined) throw new Error(`nobody answers ${line}`);
      if (answer instanceof Error) throw answer;
      if (answer.kind !== 'exited') return answer;
      const printed = asPrinted(command, answer.stdout, answer);
      options?.onOutput?.(printed);
      return { ...answer, stdout: printed.toString() };
    },
  };
}
const runnerOf = (rules: Readonly<Record<string, Outcome | Error>>, options: object = {}) =>
  new Runner({
    executor: fakeExecutor(rules),
    programs: loadPrograms(),
    facts,
    runId: 'run',
    zmx,
    ...options,
  });
const failure = async (promise: Promise<unknown>) => {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ChandlerError);
  return `${(error as ChandlerError).code}: ${(error as Error).message}`;
};
const step = { name: 'a', script: 'true' };
const ended = (code: number) => say(`chandler: state=exited code=${code} at=1 elapsed_ms=1 log_bytes=0`);
const lost: Outcome = { kind: 'lost', reason: 'reset', started: 'unknown' };
const row = (name: string, rest: string) => `  name=${name}\tpid=1\tclients=0\tcreated=100${rest}\n`;
const rows = `${row('a', '\tended=200\texit_code=0')}${row('b', '')}→ ${row('c', '\tended=200\texit_code=7').trim()}\n  name=d\terr=Timeout\n${row('e', '\tended=200')}`;
const ready = 'chandler: sentinel=present content=';
const script = (has: boolean) => say(`chandler: executable=${has ? 'yes' : 'no'}`);

describe('StepNames', () => {
  it('keeps the order', () => {
    expect(stepNames([{ name: 'px-devtools' }, { name: 'px-egress' }])).toEqual(['px-devtools', 'px-egress']);
    expect(stepNames([])).toEqual([]);
  });
});

describe('ParseSessions', () => {
  it('gives strings that are empty while the session runs', () => {
    expect(parseSessions(rows).slice(0, 2)).toEqual([
      { name: 'a', endedAt: '200', exitCode: '0' },
      { name: 'b', endedAt: '', exitCode: '' },
    ]);
  });
});

describe('Runner.run', () => {
  const waiting = (reason: string, output: string) =>
    say(
      `chandler: waiting=${reason} output=${Buffer.from(output).toString('base64')}\nchandler: state=created`,
    );

  it('returns once the step has begun', async () => {
    const runner = runnerOf({ ' launch ': say('chandler: state=running log_bytes=0') });
    await expect(runner.run(step)).resolves.toBeUndefined();
  });

  test.each<[string, Outcome | Error, string]>([
    [
      'never began',
      say('chandler: state=created'),
      'launch-not-started: starting a: its session did not start the launch: its supervisor died first',
    ],
    [
      'tmux-no-utf8-locale: is on a host whose tmux does not work',
      waiting('nothing', 'tmux: invalid LC_ALL, LC_CTYPE or LANG\n'),
      'launch-not-started: starting a: its session did not start the launch: the session ended first, or could not be created; it printed: tmux: invalid LC_ALL, LC_CTYPE or LANG',
    ],
    [
      'has a login that asks a question',
      waiting('input', 'session "a" created\ncommand sent!\n\u001b[1mcode:\u001b[0m\n'),
      'launch-not-started: starting a: its session did not start the launch: its login shell swallowed the command, or asks a question; it printed: code:',
    ],
    [
      'A7: has a slow login',
      waiting('login-shell', ''),
      'launch-not-started: starting a: its session did not start the launch: its login shell was still running',
    ],
    ['is on a host that is gone', unreachable, 'host-unreachable: starting a: no route'],
    ['may or may not have been started', lost, 'connection-lost: starting a: launch: reset'],
    ['meets a fault of ours', new TypeError('oops'), 'connection-lost: starting a: oops'],
  ])('reports when a step %s', async (_, answer, message) => {
    expect(await failure(runnerOf({ ' launch ': answer, ' start ': answer }).run(step))).toBe(message);
  });

  it.each([{ files: [{ path: '/a', content: 'a' }] }, { script: undefined }])(
    'refuses a step that is more than a script: %j',
    async (more) => {
      expect(await failure(runnerOf({}).run({ ...step, ...more }))).toBe(
        'invalid-input: starting a: a runner needs a script, and places no files',
      );
    },
  );

  it('refuses a session whose socket no system could have, before anything is done', async () => {
    const zmxDir = `/${'z'.repeat(110)}`;
    expect(await failure(runnerOf({}, { facts: { ...facts, zmxDir } }).run(step))).toMatch(
      /^invalid-input: starting a: the name "a" is too long for .*: 113 bytes, at most 107$/,
    );
  });

  it('needs zmx', async () => {
    expect(await failure(runnerOf({}, { zmx: undefined }).run(step))).toBe(
      'zmx-unavailable: starting a: zmx is not installed yet',
    );
  });
});

describe('Runner.wait', () => {
  it('returns when all have succeeded, and at once for no steps', async () => {
    await expect(runnerOf({ ' wait ': ended(0) }).wait('a', 'b')).resolves.toBeUndefined();
    await expect(runnerOf({}).wait()).resolves.toBeUndefined();
  });

  test.each<[Outcome | Error, string]>([
    [ended(3), 'step-failed: one or more provisioning steps failed (exit 3)'],
    [ended(137), 'step-failed: one or more provisioning steps failed (exit 137 (KILL))'],
    [
      say('chandler: state=interrupted boot=same log_bytes=0'),
      'step-failed: one or more provisioning steps failed (interrupted)',
    ],
    [say('chandler: state=absent'), 'step-failed: one or more provisioning steps failed (absent)'],
    [lost, 'connection-lost: waiting for steps: wait: reset'],
    [unreachable, 'host-unreachable: waiting for steps: no route'],
    [say(''), 'connection-lost: waiting for steps: wait: the host gave no answer (state)'],
  ])('for %j reports %s', async (answer, message) => {
    expect(await failure(runnerOf({ ' wait ': answer }).wait('a'))).toBe(message);
  });
});

describe('Runner.list and Runner.history', () => {
  it('return what zmx prints, a list trimmed', async () => {
    const runner = runnerOf({
      '/bin/zmx list': say(`\n${rows}\n`),
      '/bin/zmx history px-a': say(' text \n'),
    });
    expect(await runner.list()).toBe(rows.trim());
    expect(await runner.history('px-a')).toBe(' text \n');
  });

  test.each<[Outcome | Error, string]>([
    [say('', 1, 'oops\n'), 'zmx-unavailable: WHAT: exit 1 oops'],
    [
      { kind: 'signalled', signal: 'KILL', stdout: '', stderr: '' },
      'connection-lost: WHAT: the host ended the command with KILL',
    ],
    [lost, 'connection-lost: WHAT: reset'],
    [unreachable, 'host-unreachable: WHAT: no route'],
  ])('name the operation that failed when %j', async (answer, message) => {
    const runner = runnerOf({ '/bin/zmx': answer });
    expect(await failure(runner.list())).toBe(message.replace('WHAT', 'listing zmx sessions'));
    expect(await failure(runner.history('a'))).toBe(message.replace('WHAT', 'getting history for a'));
  });

  it('name it also before zmx is installed, and for an invalid name', async () => {
    const bare = runnerOf({}, { zmx: undefined });
    expect(await failure(bare.list())).toBe(
      'zmx-unavailable: listing zmx sessions: zmx is not installed yet',
    );
    expect(await failure(runnerOf({}).history('-x'))).toBe(
      'invalid-input: getting history for -x: "-x" cannot be the name of a zmx session',
    );
  });
});

describe('Runner.pollStatus', () => {
  /** What the host's records say: nothing, unless it is given. */
  const records = (...known: string[]) =>
    say(
      ['a', 'b', 'c', 'd', 'e', 'x']
        .map((name) => {
          const state = known.find((word) => word.startsWith(`${name} `))?.slice(2) ?? 'state=absent';
          return `chandler: launch=${makeLaunch('run', name, 'step', 1).id} ${state}`;
        })
        .join('\n'),
    );

  it('reports each step in the requested order', async () => {
    const names = ['e', 'd', 'c', 'b', 'a', 'x'];
    expect(await runnerOf({ ' states ': records(), list: say(rows) }).pollStatus(names)).toEqual({
      status: 'e failed (exit unknown), d unreachable, c failed (exit 7), b running, a done, x pending',
      done: false,
    });
  });

  it('is done when every step has ended, whether it succeeded or failed', async () => {
    const runner = runnerOf({ ' states ': records(), list: say(rows) });
    expect(await runner.pollStatus(['a', 'c'])).toEqual({ status: 'a done, c failed (exit 7)', done: true });
  });

  it('does not count a step as done that was killed, whatever it then exited with', async () => {
    const killed = 'state=exited code=0 at=1 elapsed_ms=1 log=whole by=kill log_bytes=0';
    const runner = runnerOf({ ' states ': records(`a ${killed}`), list: say(rows) });
    expect(await runner.pollStatus(['a'])).toEqual({ status: 'a failed (killed)', done: true });
  });

  it('prefers the records of the host to the answer of zmx', async () => {
    const exit = (code: number) =>
      `state=exited code=${code} at=1 elapsed_ms=1 log=whole by=itself log_bytes=0`;
    const said = records(
      `a ${exit(3)}`,
      `b ${exit(0)}`,
      'c state=running log_bytes=1',
      'd state=interrupted boot=same log_bytes=0',
    );
    expect(await runnerOf({ ' states ': said, list: say(rows) }).pollStatus(['a', 'b', 'c', 'd'])).toEqual({
      status: 'a failed (exit 3), b done, c running, d failed (exit unknown)',
      done: false,
    });
  });

  it.each([
    ['zmx is not installed', {}, { zmx: undefined }],
    ['the list fails', { list: say('', 1) }, {}],
    ['the host is gone', { list: unreachable }, {}],
    ['the host goes in between', { list: say(rows), ' states ': unreachable }, {}],
  ])('reports nothing when %s', async (_, rules, options) => {
    expect(await runnerOf(rules, options).pollStatus(['a'])).toEqual({ status: '', done: false });
  });
});

describe('Runner.isProvisioned and Runner.hasProvisionScript', () => {
  it('ask for their paths', async () => {
    const executor = fakeExecutor({ 'sentinel-read /s/x': say(ready), 'executable /p': script(true) });
    const runner = runnerOf({}, { executor, paths: { sentinel: '/s/x', provisionScript: '/p' } });
    expect([await runner.isProvisioned(), await runner.hasProvisionScript()]).toEqual([true, true]);
    expect(executor.asked.map((line) => line.replace(/^sh \S+ \S+ /, ''))).toEqual([
      '/s sentinel-read /s/x',
      '/s executable /p',
    ]);
  });

  it('return false if nothing exists', async () => {
    const runner = runnerOf({ 'sentinel-read': say('chandler: sentinel=absent'), executable: script(false) });
    expect([await runner.isProvisioned(), await runner.hasProvisionScript()]).toEqual([false, false]);
  });

  it('distinguish a silent host from one without a script', async () => {
    const runner = runnerOf({ 'sentinel-read': unreachable, executable: unreachable });
    expect(await runner.isProvisioned()).toBe(false);
    expect(await failure(runner.hasProvisionScript())).toBe('host-unreachable: no route');
  });
});

describe('Runner.waitProvisioned', () => {
  const absent = say('chandler: sentinel=absent');
  const wait = async (rules: Readonly<Record<string, Outcome | Error>>, signal?: AbortSignal) => {
    const said: string[] = [];
    const result = runnerOf(rules).waitProvisioned((status) => said.push(status), {
      intervalMs: 1,
      ...(signal && { signal }),
    });
    return { said, result };
  };

  it('returns at once if the host is provisioned or has no script', async () => {
    for (const rules of [
      { 'sentinel-read': say(ready) },
      { 'sentinel-read': absent, executable: script(false) },
    ]) {
      const { said, result } = await wait(rules);
      await result;
      expect(said).toEqual([]);
    }
  });

  it('reports the sessions until the sentinel exists', async () => {
    const rules: Record<string, Outcome> = {
      'sentinel-read': absent,
      executable: script(true),
      list: say(rows.slice(0, rows.indexOf('→'))),
    };
    const said: string[] = [];
    await runnerOf(rules).waitProvisioned(
      (status) => {
        said.push(status);
        if (said.length === 1) rules['list'] = say('', 1);
        if (said.length === 2) rules['sentinel-read'] = say(ready);
      },
      { intervalMs: 1 },
    );
    expect(said).toEqual(['a done, b running', '']);
  });

  it('stops with the reason of the signal', async () => {
    const stop = new AbortController();
    const { result } = await wait(
      { 'sentinel-read': absent, executable: script(true), list: say('') },
      stop.signal,
    );
    setTimeout(() => stop.abort(new Error('enough')), 20);
    await expect(result).rejects.toThrow('enough');
  });

  it.each(['sentinel-read', 'executable', 'zmx list'])('stops while %s hangs', async (hangs) => {
    const answers = fakeExecutor({ 'sentinel-read': absent, executable: script(true), list: say('') });
    const executor: Executor = {
      async exec(command, options) {
        if (!render(command).includes(hangs)) return answers.exec(command, options);
        await new Promise((_, reject) => {
          options?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
        });
        return lost;
      },
    };
    const stop = new AbortController();
    const waiting = runnerOf({}, { executor }).waitProvisioned(() => undefined, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 20);
    await expect(waiting).rejects.toThrow('enough');
  });

  it('fails when the host cannot be reached for its script', async () => {
    const { result } = await wait({ 'sentinel-read': unreachable, executable: unreachable });
    expect(await failure(result)).toBe('host-unreachable: no route');
  });
});
