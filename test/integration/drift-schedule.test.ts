import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DriftSchedule } from '../../src/client.ts';
import type { Plan } from '../../src/domain/plan/schema.ts';
import type { Notification } from '../../src/domain/run/notification.ts';
import { chandlerHere } from '../support/chandler-here.ts';
import { problemsOf } from '../support/schemas.ts';
import { poll } from '../support/poll.ts';
import { startStack, type Stack } from '../support/stack.ts';

describe('a schedule', () => {
  let stack: Stack;
  let plan: Plan;
  let file: string;
  let id: string;
  let options: { home: string; env: Record<string, string> };
  beforeAll(async () => {
    stack = await startStack({ workers: 0 });
    await stack.startWorker({
      CHANDLER_NOTIFY_COMMAND: `cat >>${notifications()}; echo >>${notifications()}`,
    });
    plan = {
      name: 'web',
      target: stack.target(),
      steps: [
        { name: 'config', script: 'echo a >/root/config', check: 'grep -qx a /root/config' },
        { name: 'site', script: 'true' },
      ],
    };
    file = join(stack.secretsDir, 'web.json');
    await writeFile(file, JSON.stringify(plan));
    id = `drift:127.0.0.1:${stack.host.port}:web`;
    options = {
      home: stack.secretsDir,
      env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue },
    };
    await stack.client.result(await stack.start(plan));
  });
  afterAll(async () => {
    const { driftSchedules } = stack.client;
    for (const { id, host } of await driftSchedules.list())
      if (host.endsWith(`:${stack.host.port}`) || host.endsWith(':1')) await driftSchedules.remove(id);
    await stack?.stop();
  });

  const notifications = () => join(stack.secretsDir, 'notifications');
  const notified = async (): Promise<Notification[]> =>
    (await readFile(notifications(), 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => line.includes('"drifted"') || line.includes('"unchecked"'))
      .map((line) => JSON.parse(line) as Notification);
  const schedule = (...args: string[]) => chandlerHere(['schedule', ...args], options);
  const find = async (wanted = id) =>
    (await stack.client.driftSchedules.list()).find((each) => each.id === wanted);
  const until = async (
    condition: (found: DriftSchedule | undefined) => boolean,
    what: string,
    wanted = id,
  ) => {
    let found: DriftSchedule | undefined;
    await poll(
      async () => condition((found = await find(wanted))),
      what,
      () => JSON.stringify(found),
    );
    return found;
  };

  it('finds drift, notifies once, and notifies of other drift again', async () => {
    const created = await schedule('create', file, '--every', '1s', '--json');
    expect(created).toMatchObject({ exitCode: 0, stderr: '' });
    expect(problemsOf('scheduleChange', created.stdout)).toEqual([]);
    expect(JSON.parse(created.stdout)).toEqual({ id, change: 'created' });
    await until((found) => found?.last?.outcome === 'in-order', 'a check finds no drift');
    expect(await notified()).toEqual([]);

    const traces = () => stack.onHost('cd /var/lib/chandler && find . -printf "%p %s %T@ %m\\n" | sort');
    const before = await traces();
    await stack.onHost('echo b >/root/config');
    await poll(async () => (await notified()).length > 0, 'drift is notified');
    const [first] = await notified();
    expect(first).toMatchObject({
      event: 'drifted',
      plan: 'web',
      host: `root@127.0.0.1:${stack.host.port}`,
      text: `root@127.0.0.1:${stack.host.port} has drifted from web: config (its check fails (exit 1))`,
      drift: [{ name: 'config', deviations: [{ kind: 'missing' }] }],
    });
    expect(first?.workflowId).toContain(id);
    const last = await until((found) => found?.last?.outcome === 'drifted', 'the list shows the drift');
    // Two further checks find the same.
    await until(
      (found) => found !== undefined && (found.last?.atMs ?? 0) > (last?.last?.atMs ?? 0) + 1500,
      'further checks',
    );
    expect(await notified()).toHaveLength(1);
    expect(await traces()).toBe(before);

    await stack.onHost('rm /root/config');
    await poll(async () => (await notified()).length === 2, 'other drift is notified');
    expect((await notified())[1]?.text).toMatch(/exit 2/);
  });

  it('keeps its id and its pause when it is created again', async () => {
    expect(await schedule('pause', id, '--reason', 'maintenance')).toMatchObject({
      exitCode: 0,
      stdout: `${id} was paused\n`,
    });
    const again = await schedule('create', file, '--cron', 'CRON_TZ=Europe/Berlin 0 3 * * *');
    expect(again).toMatchObject({ exitCode: 0, stdout: `${id} was updated\n` });
    const listed = await schedule('list', '--json');
    expect(problemsOf('schedules', listed.stdout)).toEqual([]);
    const found = (JSON.parse(listed.stdout) as DriftSchedule[]).filter((each) => each.id === id);
    expect(found).toMatchObject([
      { plan: 'web', times: 'cron CRON_TZ=Europe/Berlin 0 3 * * *', paused: true, note: 'maintenance' },
    ]);
    expect(found[0]).not.toHaveProperty('nextAtMs');
    expect((await schedule('list')).stdout).toMatch(new RegExp(`^${id} .*paused \\(maintenance\\)`, 'm'));
    // A completion offers nothing if a busy server is late.
    const completed = () => chandlerHere(['__complete', 'zsh', 'schedule', 'resume', ''], options);
    await expect
      .poll(async () => (await completed()).stdout)
      .toContain(`${id}\tpaused, cron CRON_TZ=Europe/Berlin 0 3 * * *`);
    expect(await schedule('resume', id, '--json')).toMatchObject({ exitCode: 0 });
    const resumed = await find();
    expect(resumed).toMatchObject({ paused: false });
    expect(new Date(resumed?.nextAtMs ?? 0).getUTCMinutes()).toBe(0);
  });

  it('notifies once that a host cannot be checked', async () => {
    const lost = { ...plan, target: { ...plan.target, port: 1, connectTimeout: '1s' } };
    await stack.client.driftSchedules.create(lost, { every: '1s' }, { id: `${id}:lost` });
    await poll(async () => (await notified()).some(({ event }) => event === 'unchecked'), 'it is notified');
    const found = await until((each) => each?.last?.outcome === 'unknown', 'it is listed', `${id}:lost`);
    expect(found?.last?.message).toMatch(/\(host-unreachable\)$/);
    const { atMs = 0 } = found?.last ?? {};
    await until((each) => (each?.last?.atMs ?? 0) > atMs, 'another check', `${id}:lost`);
    expect((await notified()).filter(({ event }) => event === 'unchecked')).toMatchObject([
      { failure: { code: 'host-unreachable' }, host: 'root@127.0.0.1:1' },
    ]);
  });

  it.each<[what: string, args: (id: string, file: string) => string[], message: RegExp]>([
    ['without times', (_, file) => ['create', file], /set when to check: --every/],
    [
      'with two kinds of times',
      (_, file) => ['create', file, '--every', '1h', '--cron', 'x'],
      /cannot be used with/,
    ],
    ['with a bad interval', (_, file) => ['create', file, '--every', 'often'], /every must be a duration/],
    ['with too short an interval', (_, file) => ['create', file, '--every', '10ms'], /at least a second/],
    [
      'with a bad cron expression',
      (_, file) => ['create', file, '--cron', '61 * * * *', '--id', 'x'],
      /^the server refuses these times: Minute is not in range/,
    ],
    ['that is not there', () => ['remove', 'none'], /no schedule with the id none\. List them with/],
    [
      'of another kind',
      (_, file) => ['create', file, '--every', '1h', '--id', 'foreign'],
      /starts other\. Choose another id/,
    ],
  ])('%s is refused', async (_, args, message) => {
    const foreign = { type: 'startWorkflow', workflowType: 'other', taskQueue: 'x' } as const;
    const made = await stack.client.temporal.schedule.create({
      scheduleId: 'foreign',
      spec: {},
      action: foreign,
    });
    try {
      const { exitCode, stderr, stdout } = await schedule(...args(id, file));
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toMatch(message);
    } finally {
      await made.delete();
    }
  });

  it('is removed, and can be created again', async () => {
    expect(await schedule('remove', id)).toMatchObject({ exitCode: 0, stdout: `${id} was removed\n` });
    await poll(async () => (await find()) === undefined, 'it is gone');
    expect((await schedule('create', file, '--every', '1h')).stdout).toBe(`${id} was created\n`);
  });
});
