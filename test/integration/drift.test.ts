import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DriftReport } from '../../src/domain/run/drift.ts';
import type { Plan } from '../../src/domain/plan/schema.ts';
import { chandlerHere } from '../support/chandler-here.ts';
import { driftCases, workOfCases } from '../support/drift-cases.ts';
import { problemsOf } from '../support/schemas.ts';
import { addSecret, startStack, type Stack } from '../support/stack.ts';

type Steps = Plan['steps'];

const cases = [...driftCases];
const shop: Omit<Plan, 'target'> = { name: 'shop', steps: cases.map(([, { step }]) => step) };

const STATE = '/var/lib/chandler';

describe('a provisioned host', () => {
  let stack: Stack;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-drift-'));
    stack = await startStack();
    await addSecret(stack, 'TOKEN', 'hush-hush-token');
    await stack.onHost(`mkdir /srv/drift; ${workOfCases}`);
    await provision(shop);
  });
  afterAll(async () => {
    await stack?.onHost('kill $(cat /srv/drift/*.pid) 2>/dev/null; true');
    await stack?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const provision = async (plan: Omit<Plan, 'target'>) => {
    const id = await stack.start({ onStepFailure: 'fail', ...plan });
    const result = await stack.client.result(id);
    if (!('result' in result)) throw new Error(JSON.stringify(result.failure));
  };
  const check = (plan: Omit<Plan, 'target'> = shop) =>
    stack.client.checkDrift({ ...plan, target: stack.target() });
  /** The steps that are not in order, and how. */
  const deviationsIn = ({ steps, drifted }: DriftReport) => {
    const found = steps.flatMap(({ name, state, deviations }) =>
      state === 'in-order'
        ? []
        : [`${name}: ${state === 'unknown' ? state : deviations.map(kindOf).join(', ')}`],
    );
    expect(drifted).toBe(found.length > 0);
    return found;
  };
  const drift = async (plan?: Omit<Plan, 'target'>) => deviationsIn(await check(plan));
  const kindOf = ({ kind, finalizer }: { kind: string; finalizer?: true }) =>
    finalizer ? `finalizer ${kind}` : kind;
  /** What a check must not change. */
  const traces = () =>
    stack.onHost(
      `cd ${STATE} && find . -printf "%p %s %T@ %m\\n" | sort; ls -A /run/chandler /dev/shm /tmp; find / -xdev -newer /root/mark -type f 2>/dev/null | grep -v ^/proc | grep -v /var/log; true`,
    );

  it('has not drifted, and is not changed by the check', async () => {
    await stack.onHost('touch /root/mark; sleep 0.1');
    const before = await traces();
    expect(await drift()).toEqual([]);
    expect(await traces()).toBe(before);
  });

  it('has drifted from an edited plan in the steps that were edited', async () => {
    const edits: Record<string, (step: Steps[number]) => Steps[number]> = {
      'config: changed': (step) => ({ ...step, script: 'echo other' }),
      'link: missing, changed': (step) => ({
        ...step,
        check: 'exit $CODE',
        env: { ...step.env, CODE: '1' },
      }),
      'directory: missing': (step) => ({ ...step, check: 'false' }),
      'token: changed': (step) => ({ ...step, secrets: { TOKEN: 'file:TOKEN', MORE: 'file:TOKEN' } }),
      'files: file, changed': ({ files: [first, ...rest] = [], ...step }) => ({
        ...step,
        files: [{ ...first!, content: 'port=81\n' }, ...rest],
      }),
      // No change of the work.
      'cron: ': (step) => ({ ...step, timeout: '2h', retry: { attempts: 3 }, check: 'true' }),
    };
    const steps: Steps = [...shop.steps];
    const wanted = Object.entries(edits).flatMap(([line, edit]) => {
      const [kind = '', found = ''] = line.split(': ');
      const i = steps.findIndex(({ name }) => name.endsWith(`-${kind}`));
      steps[i] = edit(steps[i]!);
      return found === '' ? [] : [`${steps[i].name}: ${found}`];
    });
    steps.push({ name: 'more', script: 'x' }, { name: 'satisfied', script: 'x', check: 'true' });
    expect((await drift({ ...shop, steps })).sort()).toEqual([...wanted, 'more: never-run'].sort());
  });

  it('without its sentinel and records has drifted in every step that no check proves', async () => {
    const unchecked = cases.filter(([, { step }]) => step.check === undefined);
    const found = unchecked.map(([, { step }]) => `${step.name}: never-run`);
    // A sentinel of the same work is proof, whatever the plan is called.
    expect(await drift({ ...shop, name: 'other' })).toEqual([]);
    await stack.onHost(`mv ${STATE}/provisioned /root/sentinel`);
    expect(await drift({ ...shop, name: 'other' })).toEqual(found);
    expect(await drift()).toEqual([]);
    await stack.onHost(`mv ${STATE} /root/state`);
    expect(await drift()).toEqual(found);
    await stack.onHost(
      `rm -rf ${STATE} && mv /root/state ${STATE} && mv /root/sentinel ${STATE}/provisioned`,
    );
  });

  it('C1: has drifted where an operator skipped a step, until a run does it', async () => {
    const plan = { name: 'skipping', sentinel: { path: '/root/skipping' } };
    const broken = {
      ...plan,
      steps: [
        { name: 'a', script: 'true' },
        { name: 'b', script: 'test -e /root/fixed' },
      ],
    };
    const id = await stack.start(broken);
    await stack.until(id, ({ steps }) => steps[1]?.state === 'parked', 'b is parked');
    await expect(check(broken)).rejects.toMatchObject({
      code: 'lease-held',
      message: expect.stringContaining(id) as string,
    });
    await stack.client.skip(id, { step: 'b' });
    await stack.client.result(id);
    expect(await drift(broken)).toEqual(['b: skipped']);
    await stack.onHost('rm /root/skipping');
    expect(await drift(broken)).toEqual(['b: failed']);
    await stack.onHost('touch /root/fixed');
    await provision(broken);
    expect(await drift(broken)).toEqual([]);
  });

  it('has drifted where a step failed, where what a step needs ran again, and where a finalizer changed', async () => {
    const two = (script: string, finalize = 'true') => ({
      name: 'two',
      sentinel: { path: '/root/two' },
      steps: [
        { name: 'first', script: 'true' },
        { name: 'second', needs: ['first'], script, finalize },
      ],
    });
    const id = await stack.start({ ...two('exit 3'), onStepFailure: 'fail' });
    await stack.client.result(id);
    expect(await drift(two('exit 3'))).toEqual(['second: failed, finalizer never-run']);
    await provision(two('true'));
    expect(await drift(two('true'))).toEqual([]);
    expect(await drift(two('true', 'exit 0'))).toEqual(['second: finalizer changed']);
    await provision({ ...two('true'), run: { only: ['first'], force: true } });
    expect(await check(two('true'))).toMatchObject({
      message: '1 of 2 steps drifted: second',
      steps: [{ state: 'in-order' }, { deviations: [{ kind: 'changed' }] }],
    });
  });

  it('C2: is compared by the command line, with exit codes and JSON', async () => {
    const file = join(dir, 'shop.json');
    await writeFile(file, JSON.stringify({ ...shop, target: stack.target() }));
    const options = {
      home: dir,
      env: { TEMPORAL_ADDRESS: stack.address, CHANDLER_TASK_QUEUE: stack.taskQueue },
    };
    const clean = await chandlerHere(['drift', file], options);
    expect(clean.exitCode).toBe(0);
    expect(clean.stdout).toMatch(/no drift: \d+ steps in order\n$/);
    const [, { step }] = cases.find(([what]) => what === 'a line of cron is commented out')!;
    await stack.onHost(`mv /etc/cron.d/${step.name} /root/cron`);
    const drifted = await chandlerHere(['drift', file, '--json'], options);
    expect(drifted.exitCode).toBe(6);
    expect(problemsOf('drift', drifted.stdout)).toEqual([]);
    expect(JSON.parse(drifted.stdout)).toMatchObject({ drifted: true, plan: 'shop' });
    const shown = await chandlerHere(['drift', file], options);
    expect(shown.stdout).toMatch(/^ {2}! drifted {3}s\d+-cron +its check fails \(exit 2\)$/m);
    expect((await chandlerHere(['diff', file], options)).stdout).toMatch(/^ {2}! drift +step s\d+-cron/m);
    const unreachable = await chandlerHere(['drift', file, '--target', 'port=1', '--json'], options);
    expect(unreachable.exitCode).toBe(1);
    expect(JSON.parse(unreachable.stderr)).toMatchObject({ error: { code: 'host-unreachable' } });
    expect((await chandlerHere(['drift', join(dir, 'none.yaml')], options)).exitCode).toBe(2);
    await stack.onHost(`mv /root/cron /etc/cron.d/${step.name}`);
  });

  describe('that everything happens to', () => {
    let report: DriftReport;
    beforeAll(async () => {
      // The sentinel of this plan is proof of what is not recorded.
      await stack.onHost(`rm ${STATE}/provisioned; ${cases.map(([, { damage }]) => damage).join('')}`);
      report = await check();
    });

    it.each(cases)('C2: has drifted in that step alone, or not at all, once %s', (_, { step, found }) => {
      const at = `${step.env?.['AT']}/`;
      const own = report.steps.find(({ name }) => name === step.name);
      const deviations = own?.deviations.map(({ kind, message, path = '' }) =>
        kind === 'file' && path.startsWith(at) ? message.replace(/^\S*\//, '') : kind,
      );
      expect(deviations).toEqual(found);
      expect(own?.state).toBe(found.length === 0 ? 'in-order' : 'drifted');
    });

    it('names the steps that have drifted, and no secret', () => {
      const drifted = cases.filter(([, { found }]) => found.length > 0).map(([, { step }]) => step.name);
      expect(report.message).toBe(
        `${drifted.length} of ${cases.length} steps drifted: ${drifted.join(', ')}`,
      );
      expect(JSON.stringify(report)).not.toContain('hush');
    });

    it('is repaired in the step that a run repeats', async () => {
      const [, { step }] = cases.find(([what]) => what === 'a file is edited')!;
      await provision({ ...shop, run: { only: [step.name], force: true } });
      const wanted = report.steps.filter(({ name, state }) => state !== 'in-order' && name !== step.name);
      const found = await check();
      expect(found.steps.filter(({ state }) => state !== 'in-order').map(({ name }) => name)).toEqual(
        wanted.map(({ name }) => name),
      );
    });
  });
});
