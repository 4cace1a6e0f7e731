import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LONGEST_PROGRESS_S } from '../../src/activities/wait-for-end.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import type { Host } from '../../src/host/host.ts';
import { renderLaunchBody } from '../../src/host/launch-body.ts';
import { LocalExecutor } from '../support/local-executor.ts';
import { poll } from '../support/poll.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';
import { hostAt } from '../support/host-at.ts';

const shim = fileURLToPath(new URL('../../src/zmx/shim/zmx.sh', import.meta.url));
const askDebconf = fileURLToPath(new URL('../support/ask-debconf.sh', import.meta.url));

/** Prompts: a process in the foreground sleeps until a key is pressed. SSHD stands for the port of a server. */
const PROMPTS: readonly (readonly [string, string])[] = [
  ['a read', 'read -r x'],
  ['a prompt without a line end', 'read -rp "Continue? " x'],
  ['a read with a long timeout', 'read -rt 600 x'],
  ['a line editor', 'read -erp "Name: " x'],
  ['any key, without an echo', 'read -rsn1 -p "Press any key"'],
  ['dash', 'dash -c "read x"'],
  ['busybox', 'busybox sh -c "read x"'],
  ['/dev/tty', 'exec </dev/null; read -r x </dev/tty'],
  ['a pager', 'seq 1000 | less'],
  ['passwd', 'passwd games'],
  ['sudo', 'sudo -u games sudo -k -p "pw: " true'],
  ['ssh, for a host key', 'ssh -F none -o UserKnownHostsFile=/dev/null -p SSHD 127.0.0.1 true'],
  ['a program of several threads', `node -e 'process.stdin.setRawMode(true).resume()'`],
  ['a terminal inside of the terminal', 'script -qec "read x" /dev/null'],
  ['a step with a noisy background job', '(while :; do echo noise; sleep 0.3; done) & read -r x'],
  ['an interactive shell', 'bash --norc -i'],
  ['debconf', `sh ${askDebconf} readline DIR/debconf-readline`],
  ['debconf, by whiptail', `sh ${askDebconf} dialog DIR/debconf-dialog`],
  ['whiptail', 'whiptail --yesno "Continue?" 8 40'],
  ['dialog', 'dialog --inputbox "Name?" 8 40'],
];

/** No prompts, though a terminal is open. */
const OTHERS: readonly (readonly [string, string])[] = [
  ['a shell that waits for a child', 'bash -c "sleep 600; true"; true'],
  ['sleep', 'sleep 600'],
  ['cat that reads a pipe', 'sleep 600 | cat'],
  ['tail -f', 'tail -f /etc/passwd'],
  ['a background job', 'sleep 600 & wait'],
  ['a background job that reads', 'cat & sleep 600'],
  [
    'an ssh that streams, with its input open',
    'ssh -F none -i KEY -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p SSHD 127.0.0.1 sleep 600',
  ],
  ['a countdown', 'while ! read -rt 1 x; do :; done'],
  [
    'a terminal multiplexer in the background',
    'tmux -S DIR/tmux -f /dev/null new-session -d "bash --norc"; sleep 600',
  ],
  ['a timer that is a select', `perl -e 'select undef, undef, undef, 600'`],
  [
    'a server that also reads keys',
    `node -e 'process.stdin.resume(); require("net").createServer().listen(0, "127.0.0.1")'`,
  ],
  ['a watcher that also reads keys', `node -e 'process.stdin.resume(); require("fs").watch("/etc")'`],
  [
    'a runner that also reads keys',
    `node -e 'process.stdin.resume(); require("child_process").spawn("sleep", ["600"], { stdio: "inherit" })'`,
  ],
  ['a fifo', 'mkfifo DIR/fifo; read -r x <DIR/fifo'],
  ['a terminal that only prints', 'script -qec "sleep 600" /dev/null'],
  [
    'a terminal inside of the terminal that a program types into',
    'sleep 600 | script -qec "read x" /dev/null',
  ],
];
/** They depend on reading the memory of a process, by other tools on each kind of host. */
const POLLING = ['a read with a long timeout', 'a line editor', 'a timer that is a select', 'tail -f'];

/** What a wait for a launch reports. */
class Watched {
  /** One for each report: the name of a prompt, or an empty text. */
  readonly prompts: string[] = [];
  readonly end: Promise<unknown>;
  readonly #log: string;

  constructor(host: Host, id: string, signal: AbortSignal, everyS?: number) {
    this.#log = join(host.stateDir, 'launches', id, 'log');
    const onProgress = ({ prompt }: { prompt?: string }) => {
      if (prompt !== undefined) this.prompts.push(prompt);
    };
    this.end = host.wait(id, { boundS: 120, signal, onProgress, ...(everyS !== undefined && { everyS }) });
    this.end.catch(() => undefined);
  }
  get log(): string {
    return readFileSync(this.#log, 'utf8');
  }
  get isAtPrompt(): boolean {
    return (this.prompts.at(-1) ?? '') !== '';
  }
  async until(isSo: () => boolean, what: string): Promise<void> {
    await poll(isSo, what, () => `${JSON.stringify(this.prompts)}\n${this.log}`);
  }
}

describe('a running step in its terminal', () => {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-keyboard-'));
  const stateDir = join(dir, 'state');
  const zmxDir = join(dir, 'zmx');
  const zmxPath = join(dir, 'zmx.sh');
  const hostIn = (...shell: string[]) => {
    const executor = new LocalExecutor({ shell, env: { ...process.env, HOME: dir, HISTFILE: '' } });
    return hostAt(executor, stateDir);
  };
  const host = hostIn('dash');
  const byBusybox = hostIn('busybox', 'sh');
  const stopped = new AbortController();
  const places: { id: string; place: { session: string; zmxPath: string; zmxDir: string } }[] = [];
  const steps = new Map<string, Watched>();
  let sshd: Sshd;

  const type = (id: string, ...keys: string[]) => {
    const { session = '' } = places.find((each) => each.id === id)?.place ?? {};
    execFileSync('tmux', ['-S', join(zmxDir, session), 'send-keys', ...keys]);
  };
  /** Starts a step, and reports what a wait for it reports. */
  const launch = async (name: string, text: string, everyS?: number) => {
    const script = text
      .replaceAll('DIR', dir)
      .replaceAll('SSHD', String(sshd.port))
      .replaceAll('KEY', join(sshd.dir, 'client'));
    const session = `s${places.length}`;
    const made = makeLaunch(dir, session, 'step', 1);
    const place = { session, zmxPath, zmxDir };
    places.push({ id: made.id, place });
    await host.create(made.id, renderLaunchBody(made, { script, env: {} }));
    expect(await host.start(made.id, { place, secrets: '', boundS: 60 })).toMatchObject({ kind: 'running' });
    steps.set(name, new Watched(host, made.id, stopped.signal, everyS));
    if (POLLING.includes(name))
      steps.set(`${name}, asked by busybox`, new Watched(byBusybox, made.id, stopped.signal));
    return made.id;
  };

  beforeAll(async () => {
    for (const path of [join(stateDir, 'bin'), zmxDir]) mkdirSync(path, { recursive: true });
    writeFileSync(zmxPath, `#!/bin/sh\nexec sh ${shim} "$@"\n`, { mode: 0o755 });
    sshd = await startSshd();
    await host.installPrograms();
    const queue = [...PROMPTS, ...OTHERS];
    await Promise.all(
      [1, 2, 3].map(async () => {
        for (let next = queue.shift(); next; next = queue.shift()) await launch(...next);
      }),
    );
  });
  afterAll(async () => {
    stopped.abort();
    await Promise.all(places.map(({ id, place }) => host.kill(id, { graceS: 0, place })));
    await sshd?.stop();
    rmSync(dir, { recursive: true, maxRetries: 5 });
  });

  it.each([
    ...PROMPTS.map(([name]) => name),
    ...POLLING.slice(0, 2).map((name) => `${name}, asked by busybox`),
  ])('waits for keyboard input: %s', async (name) => {
    const step = steps.get(name)!;
    await step.until(() => step.isAtPrompt, 'a prompt');
    expect(step.prompts.at(-1)).toMatch(/^\d+/);
  });

  it.each([...OTHERS.map(([name]) => name), ...POLLING.slice(2).map((name) => `${name}, asked by busybox`)])(
    'does not wait for keyboard input: %s',
    async (name) => {
      const step = steps.get(name)!;
      // Every 2 s: long enough for a prompt to be noticed.
      await step.until(() => step.prompts.length >= 6, 'six reports');
      expect(step.prompts.filter((prompt) => prompt !== '')).toEqual([]);
    },
  );

  it.concurrent.each([
    ['at once', 'read -rp "A? " a; read -rp "B? " b; echo "got $a and $b"'],
    ['after some work', 'read -rp "A? " a; sleep 6; dash -c "read b"; echo "got $a and"'],
  ])(
    'stops waiting once a key is pressed, and waits again at the next prompt, which comes %s',
    async (when, text) => {
      const id = await launch(when, text);
      const step = steps.get(when)!;
      await step.until(() => step.isAtPrompt, 'the first prompt');
      const first = step.prompts.at(-1);
      type(id, 'one', 'Enter');
      await step.until(() => !step.isAtPrompt, 'no prompt');
      await step.until(() => step.isAtPrompt, 'the second prompt');
      expect(step.prompts.at(-1)).not.toBe(first);
      type(id, 'two', 'Enter');
      expect(await step.end).toMatchObject({ kind: 'exited', code: 0 });
      expect(step.log).toContain('got one and');
    },
  );

  it.concurrent('notices within 30 s a prompt of an old step, also one that comes right after an inspection', async () => {
    await launch('old', 'until [ -e DIR/go ]; do sleep 0.1; done; read -r x', LONGEST_PROGRESS_S);
    const step = steps.get('old')!;
    await step.until(() => step.prompts.length === 1, 'an inspection');
    writeFileSync(join(dir, 'go'), '');
    const begin = performance.now();
    await step.until(() => step.isAtPrompt, 'a prompt');
    expect(performance.now() - begin).toBeLessThan(30_000);
  });

  it.concurrent('waits at one prompt while keys are pressed in a full-screen program', async () => {
    const id = await launch('keys', 'seq 1000 | less');
    const step = steps.get('keys')!;
    await step.until(() => step.isAtPrompt, 'a prompt');
    const seen = step.prompts.length;
    for (const key of ['j', 'j', 'k']) {
      type(id, key);
      const before = step.prompts.length;
      await step.until(() => step.prompts.length > before, 'another report');
    }
    expect(new Set(step.prompts.slice(seen - 1)).size).toBe(1);
  });
});

describe('a step of a user who is not root', () => {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-keyboard-'));
  const place = { session: 's', zmxPath: join(dir, 'zmx.sh'), zmxDir: join(dir, 'zmx') };
  const executor = new LocalExecutor({
    shell: ['setpriv', '--reuid=games', '--regid=games', '--clear-groups', 'dash'],
    env: { ...process.env, HOME: dir, HISTFILE: '', XDG_RUNTIME_DIR: dir },
  });
  const host = hostAt(executor, join(dir, 'state'));
  const launch = makeLaunch(dir, 's', 'step', 1);
  afterAll(async () => {
    await host.kill(launch.id, { graceS: 0, place });
    rmSync(dir, { recursive: true, maxRetries: 5 });
  });

  it('waits for a password that a program of root asks for', async () => {
    for (const path of [join(dir, 'state/bin'), place.zmxDir]) mkdirSync(path, { recursive: true });
    writeFileSync(place.zmxPath, `#!/bin/sh\nexec sh ${dir}/shim.sh "$@"\n`, { mode: 0o755 });
    cpSync(shim, join(dir, 'shim.sh'));
    execFileSync('chown', ['-R', 'games', dir]);
    await host.installPrograms();
    await host.create(launch.id, renderLaunchBody(launch, { script: 'passwd', env: {} }));
    expect(await host.start(launch.id, { place, secrets: '', boundS: 60 })).toMatchObject({
      kind: 'running',
    });
    const stopped = new AbortController();
    const step = new Watched(host, launch.id, stopped.signal);
    await step.until(() => step.isAtPrompt, 'a prompt');
    expect(step.log).toContain('password:');
    stopped.abort();
    await expect(step.end).rejects.toThrow(/abort/i);
  });
});
