import { connect } from 'node:net';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLedger, type Ledger } from '../../chaos/ledger.ts';
import { renderScript } from '../../chaos/script.ts';
import { LocalExecutor } from '../support/local-executor.ts';
import { sh } from '../../src/shell/index.ts';

describe('the ledger', () => {
  let dir: string;
  let ledger: Ledger;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-ledger-'));
    ledger = await openLedger(join(dir, 'ledger.log'));
  });
  afterEach(async () => {
    await ledger.close();
    await rm(dir, { recursive: true });
  });
  const send = async (line: string) => {
    const socket = connect(ledger.port, '127.0.0.1');
    socket.write(`${line}\n`);
    return text(socket);
  };
  const work = { lines: 2, pauseMs: 0, failsUntil: 1, failCode: 7, padding: 3 };
  const step = (port: number) =>
    new LocalExecutor({
      env: { ...process.env, CHANDLER_LAUNCH: 'abc', CHANDLER_ATTEMPT: '1' },
    }).exec(sh('bash', '-c', renderScript(port, { run: 'run-1', kind: 'step', step: 'a' }, work)));

  it('writes each line to its file before the step continues', async () => {
    expect(await step(ledger.port)).toMatchObject({
      code: 7,
      stdout: 'step a 1 line 1...\nstep a 1 line 2...\n',
    });
    expect(ledger.lines.map(({ launch, event, code }) => [launch, event, code])).toEqual([
      ['abc', 'start', undefined],
      ['abc', 'end', 7],
    ]);
    expect(await readFile(join(dir, 'ledger.log'), 'utf8')).toMatch(/^abc start \d+ \nabc end \d+ 7\n$/);
  });

  it('makes a step that cannot reach it end with its own code before doing anything', async () => {
    const { port } = ledger;
    await ledger.close();
    expect(await step(port)).toMatchObject({
      code: 97,
      stdout: expect.stringContaining('did not take: step'),
    });
    ledger = await openLedger(join(dir, 'ledger.log'));
  });

  it('rejects lines that it does not understand', async () => {
    for (const line of ['step', 'step abc run-1 other a 1 start', 'step abc run-1 step a 1 end'])
      expect(await send(line)).not.toBe('noted\n');
    expect(ledger.lines).toEqual([]);
  });

  it('answers a program that reaches an armed line with what to do', async () => {
    ledger.onAim('host', async ({ program, line }) => (program === 'start' && line === 12 ? 'die' : 'go'));
    expect(await send('aim host start 12')).toBe('die\n');
    expect(await send('aim host start 13')).toBe('go\n');
    expect(await send('aim other start 12')).toBe('go\n');
  });
});
