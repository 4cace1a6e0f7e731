import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { NotifyConfig } from '../../src/config/config.ts';
import type { Notification } from '../../src/domain/run/notification.ts';
import { createNotify } from '../../src/notify/create-notify.ts';
import { poll } from '../support/poll.ts';

const notification: Notification = {
  id: 'run:parked:step:a:1',
  event: 'parked',
  text: "root@h:22 needs attention: a's script is $(parked)",
  namespace: 'ops',
  workflowId: 'provision:h:22',
  runId: 'run',
  host: 'root@h:22',
  plan: 'web',
  step: 'a',
  at: '2026-01-01T00:00:00.000Z',
};
const notify = (config: Partial<NotifyConfig>, env: NodeJS.ProcessEnv = process.env) =>
  createNotify({ events: ['parked'], ...config }, 'https://ui.example', env);
/** The command with a variable F, which names a file. */
const withFile = (file: string, command: string) => `F='${file}'; ${command}`;
const refused = (message: unknown) =>
  expect.objectContaining({ code: 'notification-failed', message }) as unknown;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'chandler-notify-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('a webhook', () => {
  /** Answers one request as told, and keeps it. */
  async function serving(
    answer: (response: ServerResponse) => void,
    act: (url: string) => Promise<unknown>,
  ): Promise<{ request: IncomingMessage; body: string }[]> {
    const seen: { request: IncomingMessage; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen.push({ request, body });
        answer(response);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      await act(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=hush`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
    return seen;
  }

  it('gets the notification as JSON, with a link to the run and an id that is the same in every attempt', async () => {
    const seen = await serving(
      (response) => response.writeHead(204).end(),
      (url) => notify({ url, authorization: 'Bearer abc' })(notification, 'url'),
    );
    expect(seen.map(({ request: { method, headers } }) => ({ method, ...headers }))).toMatchObject([
      {
        method: 'POST',
        'content-type': 'application/json',
        'idempotency-key': 'run:parked:step:a:1',
        authorization: 'Bearer abc',
      },
    ]);
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      ...notification,
      url: 'https://ui.example/namespaces/ops/workflows/provision%3Ah%3A22',
    });
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    [
      'answers with an error',
      (r) => r.writeHead(500).end('x'.repeat(9999)),
      /^the webhook at 127[.0-9:]+ answered 500: x{500}$/,
    ],
    [
      'sends elsewhere, which would make a GET of it',
      (r) => r.writeHead(302, { location: '/' }).end(),
      /answered 302/,
    ],
    ['hangs up', (r) => r.destroy(), /^the webhook at 127[.0-9:]+: fetch failed/],
  ])('that %s counts as not notified, and its address is not shown', async (_, answer, message) => {
    await serving(answer, async (url) => {
      const telling = notify({ url })(notification, 'url');
      await expect(telling).rejects.toEqual(refused(expect.stringMatching(message)));
      await expect(telling).rejects.not.toThrow('hush');
    });
  });
});

describe('a command', () => {
  it('D9: gets the notification on standard input and in variables, and only those variables of the worker that every program needs', async () => {
    const command = `{ cat; env; } >${join(dir, 'told')}`;
    const secret = {
      CHANDLER_SECRET_TOKEN: 'hush',
      CHANDLER_NOTIFY_AUTHORIZATION: 'Bearer hush',
      CHANDLER_NOTIFY_URL: 'https://chat.example/hook?token=hush',
      CHANDLER_NOTIFY_COMMAND: 'notify --token hush',
      TEMPORAL_API_KEY: 'hush',
      TEMPORAL_GRPC_META_AUTHORIZATION: 'hush',
      SSH_AUTH_SOCK: '/run/hush',
      AWS_SECRET_ACCESS_KEY: 'hush',
      HTTPS_PROXY: 'http://user:hush@proxy',
      PATH_TO_hush: 'x',
    };
    const needed = {
      PATH: process.env['PATH'],
      HOME: '/home/worker',
      LANG: 'C.UTF-8',
      LC_TIME: 'C',
      TZ: 'UTC',
    };
    await notify({ command }, { ...secret, ...needed })(notification, 'command');
    const told = await readFile(join(dir, 'told'), 'utf8');
    expect(JSON.parse(told.slice(0, told.indexOf('}') + 1))).toMatchObject(notification);
    expect(told).toContain('CHANDLER_EVENT=parked\n');
    expect(told).toContain(`CHANDLER_TEXT=${notification.text}\n`);
    expect(told).toContain('CHANDLER_STEP=a\n');
    for (const [name, value] of Object.entries(needed)) expect(told).toContain(`${name}=${value}\n`);
    expect(told).not.toContain('hush');
  });

  it.each([
    ['echo no route >&2; exit 3', 'the notification command ended with exit 3: no route'],
    ['kill -9 $$', 'the notification command ended with SIGKILL: '],
    ['/no/such/program', /^the notification command ended with exit 127: .*not found$/],
  ])('%s fails', async (command, message) => {
    const said = typeof message === 'string' ? message : expect.stringMatching(message);
    await expect(notify({ command })(notification, 'command')).rejects.toEqual(refused(said));
  });

  it('that fails at once has its error output in the failure, every time (E5)', async () => {
    const once = () =>
      notify({ command: '/no/such/program' })(notification, 'command').then(
        () => 'no failure',
        (error: Error) => error.message,
      );
    const messages: string[] = [];
    for (let round = 0; round < 10; round += 1)
      messages.push(...(await Promise.all(Array.from({ length: 10 }, once))));
    const whole = /^the notification command ended with exit 127: .*\/no\/such\/program.*not found$/;
    expect(messages.filter((message) => !whole.test(message))).toEqual([]);
  });

  it.each([
    ['prints 400 bytes and ends', `printf '%0400d' 0 >&2; exit 4`, '0'.repeat(400)],
    [
      'leaves a process that holds its output open',
      'sleep 600 & echo $! >"$F"; echo last words >&2; exit 4',
      'last words',
    ],
    [
      'leaves a process that goes on printing',
      '(sleep 1; while :; do echo noise; sleep 0.01; done) >&2 & echo $! >"$F"; echo last words >&2; exit 4',
      'last words',
    ],
  ])('that %s has failed with all its output, whatever processes it left', async (_, command, said) => {
    const file = join(dir, 'left');
    await rm(file, { force: true });
    try {
      await expect(notify({ command: withFile(file, command) })(notification, 'command')).rejects.toEqual(
        refused(`the notification command ended with exit 4: ${said}`),
      );
    } finally {
      const left = await readFile(file, 'utf8').catch(() => '');
      if (left !== '') process.kill(Number(left), 'SIGKILL');
    }
  });

  it('whose end a busy worker notices late has its last output in the failure', async () => {
    const command = withFile(join(dir, 'late'), 'sleep 30 & echo $! >"$F"; echo last words >&2; exit 4');
    const telling = notify({ command })(notification, 'command');
    const failure = telling.catch((error: unknown) => error);
    for (let i = 0; i < 6; i += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await failure).toEqual(refused('the notification command ended with exit 4: last words'));
    process.kill(Number(await readFile(join(dir, 'late'), 'utf8')), 'SIGKILL');
  });

  it('may leave something behind, read nothing and print much', async () => {
    const command = 'exec <&-; sleep 30 & head -c 1000000 /dev/zero >&2; echo $! >"$F"';
    const file = join(dir, 'pid');
    await notify({ command: withFile(file, command) })(
      { ...notification, plan: 'x'.repeat(1_000_000) },
      'command',
    );
    expect(process.kill(Number(await readFile(file, 'utf8')))).toBe(true);
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'is ended when %s ends the worker, whatever it does',
    async (signal) => {
      // Each writes the process ids that must be gone. What reads its input to the end has seen the hook begin.
      const hooks = {
        stubborn: "trap '' TERM HUP INT; echo $$ >$F; while :; do sleep 1; done",
        forking: 'sleep 600 & echo $$ $! >$F; wait',
        endless: 'cat >/dev/null; echo $$ >$F; exec yes >&2',
      };
      const files = Object.keys(hooks).map((name) => join(dir, `${name}-${signal}`));
      const program = `
      import { createNotify } from ${JSON.stringify(new URL('../../src/notify/create-notify.ts', import.meta.url).href)};
      const [hooks, files, notification] = JSON.parse(process.argv[1]);
      for (const [index, command] of hooks.entries())
        createNotify({ command: 'F=' + files[index] + '; ' + command }, undefined, process.env)(notification, 'command');`;
      const worker = spawn(
        process.execPath,
        [
          '--import',
          'tsx',
          '--input-type=module',
          '--eval',
          program,
          JSON.stringify([Object.values(hooks), files, notification]),
        ],
        { stdio: ['ignore', 'ignore', 'inherit'] },
      );
      const pids = async () =>
        (await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))).join('');
      await poll(
        async () => (await pids()).split('\n').length === 4,
        'the hooks run',
        () => String(worker.exitCode),
      );
      const begun = (await pids()).trim().split(/\s+/).map(Number);
      expect(begun.map(isAlive)).toEqual([true, true, true, true]);
      worker.kill(signal);
      await poll(
        () => !begun.some(isAlive),
        'the hooks are gone',
        () => begun.filter(isAlive).join(' '),
      );
    },
  );

  it('that prints without end is read slowly, and its first output is reported', async () => {
    // Read at 64 KiB each 10 ms, this takes half a minute; read as fast as it comes, less than a second.
    const command = 'echo wrong >&2; yes 2>/dev/null | timeout 2 head -c 200000000 >&2 && exit 0; exit 1';
    await expect(notify({ command })(notification, 'command')).rejects.toEqual(
      refused(expect.stringMatching(/ended with exit 1: wrong\ny/)),
    );
  });

  it('is ended when the worker stops', async () => {
    const stopping = new AbortController();
    const command = withFile(join(dir, 'stopped'), 'echo $$ >"$F"; exec sleep 600');
    const telling = notify({ command })(notification, 'command', stopping.signal);
    const pid = async () => Number(await readFile(join(dir, 'stopped'), 'utf8').catch(() => ''));
    await poll(async () => (await pid()) > 0, 'the hook runs');
    stopping.abort();
    await expect(telling).rejects.toEqual(
      refused('the notification command was ended because the worker stops'),
    );
    await poll(async () => !isAlive(await pid()), 'the hook is gone');
  });
});

/** A process that nobody has reaped yet has ended, too. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

it('a worker without a channel reports that', async () => {
  await expect(notify({ url: 'http://x/' })(notification, 'command')).rejects.toEqual(
    refused('this worker is not configured to notify by command'),
  );
});

describe('a command that takes too long', () => {
  it.each([
    ['is ended', false, 'the notification command took longer than 60 s'],
    [
      'and is not ours to end does no harm',
      true,
      'the notification command took longer than 60 s, and could not be ended: kill EPERM',
    ],
  ])('%s', async (_, foreign, message) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const kill = vi.spyOn(process, 'kill');
    if (foreign)
      kill.mockImplementationOnce(() => {
        throw new Error('kill EPERM');
      });
    try {
      const telling = notify({ command: 'exec sleep 5' })(notification, 'command');
      vi.advanceTimersByTime(60_000);
      await expect(telling).rejects.toEqual(refused(message));
      expect(kill).toHaveBeenCalledExactlyOnceWith(expect.any(Number), 'SIGKILL');
    } finally {
      const [group] = kill.mock.calls[0] ?? [];
      vi.restoreAllMocks();
      if (foreign && group !== undefined) process.kill(group, 'SIGKILL');
      vi.useRealTimers();
    }
  });
});
