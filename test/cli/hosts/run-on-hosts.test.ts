import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runOnHosts } from '../../../src/cli/hosts/run-on-hosts.ts';
import { fakeContext } from '../fake-context.ts';

const outcome = { exitCode: 1, message: 'The run failed', details: ['Add the key.'] } as const;
const hosts = [{ name: 'a' }, { name: 'long' }];

test('the advice of a host follows its outcome, and is not on standard output with --json', async () => {
  const context = { ...fakeContext(), verbosity: 'normal' } as const;
  expect(await runOnHosts(context, { parallel: 1 }, hosts, () => Promise.resolve(outcome))).toBe(1);
  expect(context.output().split('\n')).toEqual([
    '2 hosts, 1 at once',
    'a     The run failed',
    'a     Add the key.',
    'long  The run failed',
    'long  Add the key.',
    '0 of 2 without a problem',
    '',
  ]);
  const json = { ...fakeContext(), verbosity: 'normal' } as const;
  await runOnHosts(json, { json: true }, hosts.slice(0, 1), () => Promise.resolve(outcome));
  expect(json.output()).toContain('{"name":"a","exitCode":1,"message":"The run failed"}\n');
});

test.each([
  [2, 5, 2],
  [1, 3, 1],
  [7, 3, 3],
  [undefined, 12, 10],
])('with --parallel %s, %i hosts are worked on %i at once', async (parallel, hostCount, atOnce) => {
  const names = Array.from({ length: hostCount }, (_, i) => ({ name: `host-${i}` }));
  let [working, most] = [0, 0];
  const work = async () => {
    working += 1;
    most = Math.max(most, working);
    await setImmediate();
    working -= 1;
    return outcome;
  };
  const context = { ...fakeContext(), verbosity: 'normal' } as const;
  await runOnHosts(context, parallel === undefined ? {} : { parallel }, names, work);
  expect(most).toBe(atOnce);
  expect(context.output()).toContain(`${hostCount} hosts, ${atOnce} at once\n`);
});
