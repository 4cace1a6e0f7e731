import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { acceptedActions } from '../../src/domain/run/audit-trail.ts';
import { quote } from '../../src/shell/index.ts';
import { startStack, type Stack } from '../support/stack.ts';

const target = { host: 'never-asked.invalid' };
const step = { name: 'one', script: 'true' };
const named = (name: unknown) => ({ target, steps: [{ name, script: 'true' }] });

/** Text full of characters that a shell interprets. */
const HOSTILE = `-n '"\`touch /root/pwned\`$(touch /root/pwned)$HOME\\ ;&|*?~ ünï 漢字 🚢\n--second\tline\r\n$'x'`;

describe("a plan from another SDK, which bypasses the client's validation", () => {
  let stack: Stack;
  beforeAll(async () => (stack = await startStack()));
  afterAll(() => stack?.stop());

  const start = async (...args: unknown[]) =>
    stack.client.temporal.workflow.start('provision', {
      taskQueue: stack.taskQueue,
      workflowId: `test:${randomUUID()}`,
      // Ends a plan that is retried or never refused, so that the test fails.
      workflowExecutionTimeout: '2m',
      args,
    });

  const refusal = async (...args: unknown[]) => {
    const handle = await start(...args);
    const error = await handle.result().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WorkflowFailedError);
    const { cause } = error as WorkflowFailedError;
    expect(cause).toBeInstanceOf(ApplicationFailure);
    const failure = cause as ApplicationFailure;
    expect(failure).toMatchObject({ type: 'invalid-input', nonRetryable: true });
    const [{ problems }] = failure.details as [{ problems: { path: string; message: string }[] }];
    for (const { path, message } of problems) {
      expect(failure.message).toContain(path);
      expect(failure.message).toContain(message);
    }
    // The workflow only validated the plan. On a busy machine that may take several tasks.
    const { events = [] } = await handle.fetchHistory();
    expect(events?.filter(({ activityTaskScheduledEventAttributes: scheduled }) => scheduled)).toEqual([]);
    return problems;
  };

  it.each<[what: string, plan: unknown, paths: string[]]>([
    [
      'unknown keys, at every depth',
      { target: { ...target, pasword: 'x' }, steps: [{ ...step, run: 'x' }], stepz: 1 },
      ['target.pasword', 'steps[0].run', 'stepz'],
    ],
    [
      'wrong types',
      {
        target: { host: 5, port: '22' },
        steps: [{ name: 'one', script: ['true'], timeout: {} }],
        onStepFailure: 'explode',
      },
      ['target.host', 'target.port', 'steps[0].script', 'steps[0].timeout', 'onStepFailure'],
    ],
    ['a step twice', { target, steps: [step, { ...step, name: 'two' }, step] }, ['steps[2].name']],
    [
      'a cycle in needs',
      {
        target,
        steps: [
          { ...step, needs: ['two'] },
          { ...step, name: 'two', needs: ['one'] },
        ],
      },
      ['steps[0].needs'],
    ],
    ['a step that needs itself', { target, steps: [{ ...step, needs: ['one'] }] }, ['steps[0].needs']],
    ['a need of an unknown step', { target, steps: [{ ...step, needs: ['nobody'] }] }, ['steps[0].needs[0]']],
    ['no steps', { target, steps: [] }, ['steps']],
    [
      'a script of one megabyte',
      { target, steps: [{ name: 'one', script: 'x'.repeat(1_000_000) }] },
      ['steps[0].script'],
    ],
    [
      'a plan over its limit',
      { target, steps: [1, 2, 3, 4, 5].map((n) => ({ name: `s${n}`, script: 'x'.repeat(250_000) })) },
      [''],
    ],
    ['an empty script', { target, steps: [{ name: 'one', script: ' \n' }] }, ['steps[0].script']],
    ['a reserved name', named('logs'), ['steps[0].name']],
    ['a name like that of a second attempt', named('one.2'), ['steps[0].name']],
    ['a name that is too long', named('x'.repeat(41)), ['steps[0].name']],
    ['a name with a quote', named(`it's`), ['steps[0].name']],
    ['a name with a line end', named('one\ntwo'), ['steps[0].name']],
    ['a name that ends in a line end', named('one\n'), ['steps[0].name']],
    ['a name that is a command', named('$(reboot)'), ['steps[0].name']],
    ['a name with umlauts', named('schön'), ['steps[0].name']],
    ['a name that reads as an option', named('-d'), ['steps[0].name']],
    ['a name that leads out of its directory', named('../x'), ['steps[0].name']],
    ['an empty name', named(''), ['steps[0].name']],
    [
      'the name of a property of every object',
      { target, steps: [{ ...step, needs: ['__proto__', 'constructor'] }] },
      ['steps[0].needs[0]', 'steps[0].needs[1]'],
    ],
    [
      'a host that reads as an option',
      { target: { host: '-oProxyCommand=reboot' }, steps: [step] },
      ['target.host'],
    ],
    [
      'a reserved variable',
      { target, steps: [{ ...step, env: { CHANDLER_LAUNCH: 'x', 'A B': 'x' } }] },
      ['steps[0].env.CHANDLER_LAUNCH', 'steps[0].env.A B'],
    ],
    [
      'a secret by value',
      { target, steps: [{ ...step, secrets: { TOKEN: 'hunter2' } }] },
      ['steps[0].secrets.TOKEN'],
    ],
    [
      'a relative sentinel',
      { target, steps: [step], sentinel: { path: 'done' }, bootstrap: { marker: '~/ready' } },
      ['bootstrap.marker', 'sentinel.path'],
    ],
    ['null', null, ['']],
    ['a string', 'provision it', ['']],
    ['a number', 42, ['']],
    ['a list', [{ target, steps: [step] }], ['']],
    ['an empty object', {}, ['target', 'steps']],
  ])('is refused at once with the path of each problem: %s', async (_, plan, paths) => {
    const problems = await refusal(plan);
    expect([...new Set(problems.map(({ path }) => path))].sort()).toEqual([...paths].sort());
  });

  it('is refused at once without an argument', async () => {
    expect(await refusal()).toHaveLength(1);
  });

  it('is refused even if it has more problems than a failure can carry', async () => {
    const keys = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`unknown${i}`, 1]));
    const problems = await refusal({ target, steps: [step], ...keys });
    expect(problems.length).toBeGreaterThan(50);
    expect(problems.at(-1)?.message).toContain('more');
    await refusal({ target, steps: [step], ['k'.repeat(900_000)]: 1 });
  });

  it('is refused even if its text is invalid Unicode', async () => {
    expect(await refusal({ target, steps: [step], 'half \ud83d': 1 })).toMatchObject([
      { path: 'half \ufffd' },
    ]);
  });

  it('is refused even if its chain of needs is deeper than the call stack', async () => {
    const steps = Array.from({ length: 15_000 }, (_, i) => ({
      name: `s${i}`,
      script: 'x',
      needs: [`s${i + 1}`],
    }));
    const paths = (await refusal({ target, steps })).map(({ path }) => path);
    expect(paths).toContain('steps');
  });

  it('is taken literally in scripts, variables and paths', async () => {
    const sentinel = `/root/-it's "$(touch pwned)" \`x\`; ünï & *`;
    const marker = `/root/marker '$HOME' "$(touch pwned)" 漢`;
    const env = { HOSTILE, EMPTY: '', DASH: '-e', EQUALS: 'a=b=c', END: 'line end\n' };
    const script = `printf '%s\\0' "$HOSTILE" "$EMPTY" "$DASH" "$EQUALS" "$END" > /root/values\ncat <<'END'\n${HOSTILE}\nEND\n`;
    await stack.onHost(`touch ${quote(marker)}`);
    const plan: Plan = {
      name: `it's "$(touch /root/pwned)"`,
      target: stack.target(),
      steps: [
        { name: 'one', script, env, check: `test "$DASH" = "$(touch /root/pwned2)"`, finalize: script },
      ],
      bootstrap: { marker, timeout: '5s' },
      sentinel: { path: sentinel },
    };
    const handle = await start(plan);
    expect(await handle.result()).toMatchObject({ outcome: 'provisioned' });
    const values = [HOSTILE, '', '-e', 'a=b=c', 'line end\n'].map((value) => `${value}\0`).join('');
    expect(await stack.onHost('cat /root/values')).toBe(values);
    const found = await stack.onHost(`ls -d /root/* /root/-* | cat; cat /root/-*`);
    expect(found).toContain(sentinel);
    expect(found).not.toContain('pwned\n');
    const { text } = await stack.client.readLog(handle.workflowId, 'one');
    expect(text.replaceAll('\r', '')).toContain(HOSTILE.replaceAll('\r', ''));
  });

  it('is not disturbed by invalid messages, which the run refuses and records', async () => {
    const plan = {
      target: stack.target(),
      steps: [{ name: 'parks', script: 'test -e /root/fixed' }],
      sentinel: { path: '/root/messages' },
    };
    const handle = await start(plan);
    await stack.until(handle.workflowId, (status) => status.attention, 'parked');
    const nonsense: unknown[][] = [
      [],
      [null],
      [7],
      ['parks'],
      [true],
      [['parks']],
      [{}],
      [{ step: 7 }],
      [{ step: null }],
      [{ step: '__proto__' }],
      [{ step: 'parks', script: 7 }],
      [{ step: 'parks', script: '' }],
      [{ step: 'parks', script: 'x'.repeat(300_000) }],
      [{ step: 'parks', more: 'keys' }],
      [{ step: 'absent' }, 'and', 'more'],
    ];
    for (const name of ['retryStep', 'skipStep']) {
      for (const args of nonsense.slice(0, name === 'retryStep' ? undefined : 10))
        await handle.signal(name, ...args);
    }
    await handle.signal('resume', 7);
    await handle.signal('noSuchSignal', { anything: ['goes'] });
    await handle.signal('noSuchSignal');
    const before = await stack.client.status(handle.workflowId);
    expect(acceptedActions(before)).toEqual([]);
    expect(before).toMatchObject({
      attention: true,
      refusedActions: 28,
      steps: [{ state: 'parked', attempt: 1 }],
    });
    for (const [name, args] of [
      ['retryStep', []],
      ['retryStep', [7]],
      ['skipStep', [null]],
      ['noSuchUpdate', [{}]],
    ] as const) {
      await expect(
        handle.executeUpdate<unknown, [unknown]>(name, { args: args as unknown as [unknown] }),
      ).rejects.toThrow(/Update/);
    }
    await stack.onHost('touch /root/fixed');
    await handle.signal('retryStep', { step: 'parks' });
    expect(await handle.result()).toMatchObject({ outcome: 'provisioned' });
    expect(await failedTasks(handle.workflowId)).toBe(0);
  });

  it.each<[what: string, input: unknown[]]>([
    ['no payload', []],
    ['null', [null]],
    ['a string', ['stop']],
    ['a reason that is not a string', [{ reason: { deep: [1] } }]],
    ['a reason of more than a megabyte', [{ reason: 'x'.repeat(1_500_000) }]],
  ])('is aborted by an abort with %s', async (_, input) => {
    const plan = {
      target: stack.target(),
      steps: [{ name: 'parks', script: 'exit 1' }],
      sentinel: { path: '/root/aborts' },
    };
    const handle = await start(plan);
    await stack.until(handle.workflowId, (status) => status.attention, 'parked');
    await handle.signal('abort', ...input);
    const result = await stack.client.result(handle.workflowId);
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'aborted' } });
    if ('failure' in result) expect(result.failure.message).toMatch(/^aborted \(.{1,2000}\)$/);
    expect(await failedTasks(handle.workflowId)).toBe(0);
  });

  it('may have the maximum number of steps with the longest names, and the longest host name', async () => {
    const name = (i: number) => `step-${i}-`.padEnd(40, 'x');
    const rest = Array.from({ length: 63 }, (_, i) => ({
      name: name(i + 1),
      script: 'true',
      needs: [name(0)],
    }));
    const steps = [{ name: name(0), script: 'exit 3' }, ...rest];
    const handle = await start({ target: stack.target(), steps, onStepFailure: 'fail' });
    const result = await stack.client.result(handle.workflowId);
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'step-failed', exitCode: 3 } });
    expect(await failedTasks(handle.workflowId)).toBe(0);
    const long = { host: 'h'.repeat(253), user: 'u'.repeat(64), identity: 'nobody' };
    const far = await stack.client.result((await start({ target: long, steps: [step] })).workflowId);
    expect(far).toMatchObject({ outcome: 'failed', failure: { code: 'identity-unavailable' } });
  });

  /** The number of failed workflow tasks. A run with such a task hangs until its code is fixed. */
  const failedTasks = async (workflowId: string): Promise<number> => {
    const { events } = await stack.client.temporal.workflow.getHandle(workflowId).fetchHistory();
    return (events ?? []).filter((event) => event.workflowTaskFailedEventAttributes).length;
  };
});
