import { describe, expect, test } from 'vitest';
import { isPlanName, overrideTarget, parseTargetOption } from '../../../src/cli/input/target-option.ts';

describe('parseTargetOption', () => {
  test.each([
    ['host=web1', { host: 'web1' }],
    ['port=2201', { port: 2201 }],
    ['port=x', { port: 'x' }],
    ['hostKey=SHA256:abc=', { hostKey: 'SHA256:abc=' }],
    ['jump.host=gate', { jump: { 0: { host: 'gate' } } }],
    ['jump.2.port=3', { jump: { 1: { port: 3 } } }],
    ['jump=me@gate:2,[::1]', { jump: [{ host: 'gate', port: 2, user: 'me' }, { host: '::1' }] }],
    ['jump=none', { jump: [] }],
    ['web1', { host: 'web1' }],
    ['web1:2201', { host: 'web1', port: 2201 }],
    ['root@web1', { user: 'root', host: 'web1' }],
    ['root@127.0.0.1:2201', { user: 'root', host: '127.0.0.1', port: 2201 }],
    ['a@b@web1', { user: 'a@b', host: 'web1' }],
    ['::1', { host: '::1' }],
    ['root@fe80::1', { user: 'root', host: 'fe80::1' }],
    ['root@[::1]:2201', { user: 'root', host: '::1', port: 2201 }],
    ['[::1]', { host: '::1' }],
  ])('%s', (text, values) => {
    expect(parseTargetOption(text)).toEqual(values);
  });

  test.each([
    '',
    'root@',
    'web1:',
    'web1:ssh',
    '[::1',
    'colour=red',
    '=x',
    'jump=a b',
    'jump.9.host=x',
    'jump.become=sudo',
  ])('refuses "%s"', (text) => {
    expect(() => parseTargetOption(text)).toThrow(`--target ${text}: `);
  });
});

describe('overrideTarget', () => {
  const plan = { target: { host: 'web1', port: 22, jump: [{ host: 'gate' }] }, steps: [] };

  test('later options win over earlier ones, and all over the plan', () => {
    const options = ['root@web2:1', 'port=2', 'jump.user=me', 'jump.2.host=inner'];
    expect(overrideTarget(plan, options)).toEqual({
      target: {
        host: 'web2',
        user: 'root',
        port: 2,
        jump: [{ host: 'gate', user: 'me' }, { host: 'inner' }],
      },
      steps: [],
    });
  });

  test('gives a target to a plan that has none', () => {
    expect(overrideTarget({ steps: [] }, ['web1'])).toEqual({ target: { host: 'web1' }, steps: [] });
  });

  test('does not change what is not a plan, which the validation reports', () => {
    expect(overrideTarget(null, ['web1'])).toBe(null);
    expect(overrideTarget(plan, [])).toBe(plan);
  });
});

test.each([
  ['web.yaml', true],
  ['WEB.YML', true],
  ['./web', true],
  ['plans/web', true],
  ['preset:docker', true],
  ['-', true],
  ['web1', false],
  ['root@web1.example.org:22', false],
  ['root@[::1]:22', false],
])('%s, where a host is possible, too, is a plan: %s', (word, isPlan) => {
  expect(isPlanName(word)).toBe(isPlan);
});
