import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack, type Stack } from '../support/stack.ts';

describe('the end of a step', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.stop());

  const runUntilPrinted = async (name: string, end: string) => {
    const script = `touch /root/${name}.begun; echo begun; until [ -e /root/${name}.go ]; do sleep 0.1; done; echo finished; ${end}`;
    const id = await stack.start({ steps: [{ name, script }], onStepFailure: 'fail' });
    await expect
      .poll(() => stack.onHost(`cat /root/${name}.begun 2>/dev/null && echo yes || true`))
      .toBe('yes\n');
    return id;
  };
  const letGo = (name: string) => stack.onHost(`touch /root/${name}.go`);
  const zmx = '$(ls /var/lib/chandler/zmx/*/zmx | head -n 1)';

  it.each([
    ['killed', (step: string) => `ZMX_DIR=/run/chandler/zmx ${zmx} kill ${step}`],
    [
      'orphaned',
      (step: string) => `kill -9 $(tmux -S /run/chandler/zmx/${step} display-message -p '#{pid}')`,
    ],
  ])('B1: comes from the step itself when its session is %s, which the status notes', async (name, hit) => {
    const id = await runUntilPrinted(name, 'exit 0');
    await stack.onHost(hit(name));
    await letGo(name);
    expect(await stack.client.result(id)).toMatchObject({ outcome: 'provisioned' });
    const [step] = (await stack.client.status(id)).steps;
    expect(step?.attempt).toBe(1);
    expect(step?.notes).toEqual([expect.stringMatching(/^terminal lost at \d\d:\d\d:\d\d UTC$/)]);
    const { text, cut } = await stack.client.readLog(id, name);
    expect([text, cut]).toEqual(['begun\r\nfinished\r\n', undefined]);
  });

  it('lost-terminal-log: comes with no advice to attach to a session that is gone', async () => {
    const id = await runUntilPrinted('lost', 'exit 5');
    await stack.onHost(`ZMX_DIR=/run/chandler/zmx ${zmx} kill lost`);
    await letGo('lost');
    expect((await stack.client.result(id)).outcome).toBe('failed');
    const [step] = (await stack.client.status(id)).steps;
    expect(step).toMatchObject({ state: 'failed', exitCode: 5 });
    expect(step?.failure?.message).toMatch(/exit 5$/);
    expect(step?.failure?.advice).not.toContain('attach');
    expect(step?.notes?.[0]).toMatch(/^terminal lost at /);
  });

  it('bg-killed: comes with a note of each process that ended with the terminal, and spares the others', async () => {
    const id = await stack.start({
      steps: [
        { name: 'amp', script: 'sleep 77777 &' },
        { name: 'amp1', script: 'sleep 77776 & sleep 1' },
        { name: 'nohup', script: 'nohup sleep 77771 >/dev/null 2>&1 &' },
        { name: 'setsid', script: 'setsid sleep 77772 &' },
      ],
    });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    const { steps } = await stack.client.status(id);
    expect(steps.map(({ notes }) => notes)).toEqual([
      ['ended with the terminal: sleep 77777'],
      ['ended with the terminal: sleep 77776'],
      undefined,
      undefined,
    ]);
    const left = await stack.onHost('ps -e -o args | grep "^sleep 7777" | sort');
    expect(left).toBe('sleep 77771\nsleep 77772\n');
    await stack.onHost("kill $(ps -e -o pid=,args= | awk '/ sleep 7777[12]$/ { print $1 }')");
  });

  it("B6: is not affected by the step's use of another session", async () => {
    const script = `${zmx} attach other </dev/null >/dev/null 2>&1 || true; sleep 1; echo "\${ZMX_SESSION-none}"`;
    const id = await stack.start({ steps: [{ name: 'attaching', script }] });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect((await stack.client.readLog(id, 'attaching')).text).toBe('none\r\n');
    expect((await stack.client.status(id)).steps[0]?.notes).toBeUndefined();
  });

  it('A6: is a failure if the step replaces its record with a directory', async () => {
    const script = 'cd "${0%/*}"; mkdir exit';
    const id = await stack.start({ steps: [{ name: 'a6', script }], onStepFailure: 'fail' });
    expect((await stack.client.result(id)).outcome).toBe('failed');
    const [step] = (await stack.client.status(id)).steps;
    expect(step).toMatchObject({ state: 'failed', failure: { code: 'step-interrupted' } });
    expect(step?.failure?.message).toMatch(/its records on the host are gone/);
  });

  it('A4: is an interruption if the step removes the state directory, which the next attempt creates again', async () => {
    const id = await stack.start({
      steps: [
        { name: 'wipe', script: 'rm -rf /var/lib/chandler; sleep 0.5' },
        { name: 'next', needs: ['wipe'], script: 'echo there' },
      ],
    });
    const parked = await stack.until(id, ({ steps }) => steps[0]?.state === 'parked', 'it is parked');
    expect(parked.steps[0]?.failure).toMatchObject({ code: 'step-interrupted' });
    expect(parked.steps[0]?.failure?.message).toMatch(/its records on the host are gone/);
    await stack.client.retry(id, { step: 'wipe', script: 'echo again' });
    expect((await stack.client.result(id)).outcome).toBe('provisioned');
    expect((await stack.client.readLog(id, 'next')).text).toBe('there\r\n');
    // With the records, the owner of the first session was lost. A run that needs its name closes it.
    expect(await stack.onHost('ls /run/chandler/zmx | grep -v logs || true')).toBe('wipe\n');
    expect(
      (await stack.client.result(await stack.start({ steps: [{ name: 'wipe', script: 'true' }] }))).outcome,
    ).toBe('provisioned');
    expect(await stack.onHost('ls /run/chandler/zmx | grep -v logs || true')).toBe('');
  });
});
