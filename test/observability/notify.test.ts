import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { NotifyConfig } from '../../src/config/config.ts';
import type { Notification } from '../../src/domain/notification.ts';
import { createNotify } from '../../src/observability/notify.ts';

const notification: Notification = {
  id: 'run:parked:step:a:1',
  event: 'parked',
  text: "root@h:22 needs a person: a's script is $(parked)",
  namespace: 'ops',
  workflowId: 'provision:h:22',
  runId: 'run',
  host: 'root@h:22',
  plan: 'web',
  step: 'a',
  at: '2026-01-01T00:00:00.000Z',
};
const notify = (config: Partial<NotifyConfig>, env: NodeJS.ProcessEnv = process.env) =>
  createNotify(
    { events: ['parked'], secretsPrefix: 'CHANDLER_SECRET_', ...config },
    'https://ui.example',
    env,
  );
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

  it('gets the notification as JSON, with a link to the run and an id that stays over tries', async () => {
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
  ])('that %s has not been told, and its address is not shown', async (_, answer, message) => {
    await serving(answer, async (url) => {
      const telling = notify({ url })(notification, 'url');
      await expect(telling).rejects.toEqual(refused(expect.stringMatching(message)));
      await expect(telling).rejects.not.toThrow('hush');
    });
  });
});

describe('a command', () => {
  it('gets the notification on standard input and in variables, but no secret of the worker', async () => {
    const command = `{ cat; env; } >${join(dir, 'told')}`;
    await notify(
      { command },
      { ...process.env, CHANDLER_SECRET_TOKEN: 'hush', CHANDLER_NOTIFY_AUTHORIZATION: 'Bearer hush' },
    )(notification, 'command');
    const told = await readFile(join(dir, 'told'), 'utf8');
    expect(JSON.parse(told.slice(0, told.indexOf('}') + 1))).toMatchObject(notification);
    expect(told).toContain('CHANDLER_EVENT=parked\n');
    expect(told).toContain(`CHANDLER_TEXT=${notification.text}\n`);
    expect(told).toContain('CHANDLER_STEP=a\n');
    expect(told).not.toContain('hush');
  });

  it.each([
    ['echo no route >&2; exit 3', 'the notification command ended with exit 3: no route'],
    ['kill -9 $$', 'the notification command ended with SIGKILL: '],
    ['/no/such/program', /^the notification command ended with exit 127: .*not found$/],
  ])('%s has not told anybody', async (command, message) => {
    const said = typeof message === 'string' ? message : expect.stringMatching(message);
    await expect(notify({ command })(notification, 'command')).rejects.toEqual(refused(said));
  });

  it('may leave something behind, read nothing and print much', async () => {
    const command = 'exec <&-; sleep 30 & head -c 1000000 /dev/zero >&2; echo $! >"$F"';
    const file = join(dir, 'pid');
    await notify({ command }, { ...process.env, F: file })(
      { ...notification, plan: 'x'.repeat(1_000_000) },
      'command',
    );
    expect(process.kill(Number(await readFile(file, 'utf8')))).toBe(true);
  });
});

it('a worker that is not set up for a way to tell says so', async () => {
  await expect(notify({ url: 'http://x/' })(notification, 'command')).rejects.toEqual(
    refused('this worker is not set up to tell people by command'),
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
      vi.restoreAllMocks();
      vi.useRealTimers();
    }
  });
});
