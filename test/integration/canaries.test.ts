import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaks, makeCanary, PRINT_FORMS } from '../support/canaries.ts';
import { addSecret, startStack, type Stack, type WorkerProcess } from '../support/stack.ts';

describe('D4: fifty secrets that a failing step prints in twelve forms each', () => {
  const canaries = Array.from({ length: 50 }, makeCanary);
  let stack: Stack;
  let worker: WorkerProcess;
  let notifications: string;
  beforeAll(async () => {
    stack = await startStack({ workers: 0 });
    notifications = join(stack.secretsDir, 'notifications');
    worker = await stack.startWorker({ CHANDLER_NOTIFY_COMMAND: `cat >>${notifications}` });
    for (const [i, { value }] of canaries.entries()) await addSecret(stack, `canary-${i}`, value);
  });
  afterAll(() => stack?.stop());

  it('reach the step and appear nowhere else', async () => {
    const names = canaries.map((_, i) => `CANARY_${i}`);
    const script = `#!/bin/bash
      ${PRINT_FORMS}
      printenv ${names.join(' ')} | sha256sum >/root/given
      for name in ${names.join(' ')}; do forms "\${!name}"; done
      while read -r pid; do tr '\\0' ' ' <"$pid"; done < <(ls -d /proc/[0-9]*/cmdline) >/root/ps 2>/dev/null
      printf 'The last is %s' "\${CANARY_49:0:40}"
      exit 1`;
    const id = await stack.start({
      steps: [
        {
          name: 'prints',
          script,
          secrets: Object.fromEntries(names.map((name, i) => [name, `file:canary-${i}`])),
        },
      ],
      keepSessions: 'all',
    });
    const status = await stack.until(id, (s) => s.attention, 'parked');
    expect(status.steps[0]).toMatchObject({ exitCode: 1, failure: { code: 'step-failed' } });
    const given = canaries.map(({ value }) => `${value}\n`).join('');
    expect(await stack.onHost('cat /root/given')).toContain(createHash('sha256').update(given).digest('hex'));

    let log = '';
    for (let offset = 0; ;) {
      const page = await stack.client.readLog(id, 'prints', { offset });
      log += page.text;
      offset = page.nextOffset;
      if (page.complete) break;
    }
    // Each form was printed and masked.
    expect(log.match(/^url: \*\*\*\r?$/gm)).toHaveLength(50);
    const history = await stack.client.temporal.workflow.getHandle(id).fetchHistory();
    await expect.poll(() => readFile(notifications, 'utf8').catch(() => '')).toContain('parked');
    const places = {
      log,
      'log on the host': await stack.onHost('cat /var/lib/chandler/launches/*/log'),
      terminal: await stack.onHost('ZMX_DIR=/run/chandler/zmx zmx history prints'),
      history: decodePayloads(history),
      status: JSON.stringify(status),
      notification: await readFile(notifications, 'utf8'),
      'worker log': worker.log(),
      'command lines': await stack.onHost('cat /root/ps'),
      database: await readDatabase(),
    };
    // Each text really comes from the place that it is named after.
    for (const place of [
      'log on the host',
      'terminal',
      'history',
      'status',
      'notification',
      'database',
    ] as const)
      expect(places[place], `in ${place}`).toContain('The last is');
    expect(places['worker log']).toContain('worker started');
    expect(places['command lines']).toContain('sshd');
    for (const [place, text] of Object.entries(places)) {
      expect(leaks(text, canaries), `in ${place}`).toEqual([]);
    }
    const disk = '/var /run /root /home /tmp /dev/shm';
    expect(await stack.onHost(`grep -rlaF cAnArY ${disk} 2>/dev/null || true`)).toBe('');
    await stack.client.abort(id);
    await stack.client.result(id);
  });
});

/** The content of the server's database files. */
async function readDatabase(): Promise<string> {
  const dirs = (await readdir(tmpdir())).filter((name) => name.startsWith('chandler-test-temporal-'));
  const texts: string[] = [];
  for (const dir of dirs)
    for (const file of await readdir(join(tmpdir(), dir)))
      texts.push((await readFile(join(tmpdir(), dir, file))).toString('latin1'));
  return texts.join('\n');
}

/** Every payload of a history as text. */
function decodePayloads(part: unknown): string {
  if (part instanceof Uint8Array) return `${Buffer.from(part).toString('utf8')}\n`;
  return typeof part === 'object' && part !== null ? Object.values(part).map(decodePayloads).join('') : '';
}
