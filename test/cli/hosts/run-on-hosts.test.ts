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
