import { describe, expect, it, test } from 'vitest';
import { translateVariables } from '../../../src/domain/hosts/ansible-variables.ts';

/** What variables mean: target, environment variables, and the reasons of those that are not used. */
function translate(vars: Readonly<Record<string, unknown>>) {
  const settings = Object.entries(vars).map(([name, value]) => [name, { value, line: 7 }] as const);
  const { target, env, ignored } = translateVariables(new Map(settings));
  const values = (map: typeof env) => Object.fromEntries([...map].map(([key, { value }]) => [key, value]));
  expect(ignored.every(({ line }) => line === 7)).toBe(true);
  return {
    target: values(target),
    env: values(env),
    ignored: ignored.map(({ name, reason }) => `${name}: ${reason}`),
  };
}

test.each<[vars: Record<string, unknown>, target: Record<string, unknown>]>([
  [
    { ansible_host: '10.0.0.7', ansible_port: '2222', ansible_user: 'deploy' },
    { host: '10.0.0.7', port: 2222, user: 'deploy' },
  ],
  [{ ansible_port: 22 }, { port: 22 }],
  [{ ansible_port: 'ssh' }, { port: 'ssh' }],
  [{ ansible_host: 'new', ansible_ssh_host: 'old' }, { host: 'new' }],
  [{ ansible_ssh_user: 'me' }, { user: 'me' }],
  [{ ansible_user: '$(id)' }, { user: '$(id)' }],
  // The key stays where it is; only its name is sent.
  [{ ansible_ssh_private_key_file: '~/.ssh/id_web' }, { identity: 'id_web' }],
  [{ ansible_private_key_file: '/keys/deploy.pem' }, { identity: 'deploy.pem' }],
  [
    { ansible_ssh_common_args: '-o ProxyJump=me@gate:2222,[::1]' },
    { jump: [{ host: 'gate', port: 2222, user: 'me' }, { host: '::1' }] },
  ],
  [{ ansible_ssh_common_args: '-J gate' }, { jump: [{ host: 'gate' }] }],
  [{ ansible_ssh_common_args: '-oProxyJump="me@gate"' }, { jump: [{ host: 'gate', user: 'me' }] }],
  [{ ansible_ssh_common_args: '-o "ProxyJump gate"' }, { jump: [{ host: 'gate' }] }],
  [{ ansible_ssh_common_args: '-o ProxyJump=none' }, {}],
])('%j is a target', (vars, target) => {
  expect(translate(vars)).toEqual({ target, env: {}, ignored: [] });
});

test.each<[vars: Record<string, unknown>, env: Record<string, string>]>([
  [
    { A: 'text', B: 1, C: true, D: 1.5, E: '' },
    { A: 'text', B: '1', C: 'true', D: '1.5', E: '' },
  ],
  [{ A: '$(id) `id` ${B} "\'\n' }, { A: '$(id) `id` ${B} "\'\n' }],
])('%j are environment variables', (vars, env) => {
  expect(translate(vars)).toEqual({ target: {}, env, ignored: [] });
});

describe('what is not used has a reason', () => {
  test.each<[vars: Record<string, unknown>, reason: string]>([
    [{ a: [1] }, 'a: is a list'],
    [{ a: { b: 1 } }, 'a: is a mapping'],
    [{ a: { kind: 'list' } }, 'a: is a list'],
    [{ a: null }, 'a: has no value'],
    [{ a: '{{ b }}' }, 'a: is a template, which only Ansible can fill in'],
    [{ ansible_host: '{{ b }}' }, 'ansible_host: is a template, which only Ansible can fill in'],
    [{ a: '$ANSIBLE_VAULT;1.1;AES256\n61' }, 'a: is encrypted by Ansible Vault; use a secret of the plan'],
    [{ ansible_become: true }, 'ansible_become: only Ansible uses it'],
    [{ ansible_password: 'secret' }, 'ansible_password: only Ansible uses it'],
    [{ 'a-b': 'x' }, 'a-b: must be the name of an environment variable'],
    [{ CHANDLER_STEP: 'x' }, 'CHANDLER_STEP: must not begin with CHANDLER_ or ZMX_: those are reserved'],
    [{ UID: '0' }, 'UID: is read-only in bash'],
    [{ a: 'x\0y' }, 'a: must not hold a NUL byte'],
    [
      { ansible_ssh_common_args: '-o StrictHostKeyChecking=no' },
      'ansible_ssh_common_args: -o StrictHostKeyChecking=no is not used',
    ],
    [
      { ansible_ssh_common_args: '-o ProxyJump="a b"' },
      'ansible_ssh_common_args: -o ProxyJump=a b is not used',
    ],
    [{ ansible_ssh_common_args: '"' }, 'ansible_ssh_common_args: a quote " is not closed'],
  ])('%j', (vars, reason) => {
    expect(translate(vars)).toEqual({ target: {}, env: {}, ignored: [reason] });
  });

  it('jump hosts are used beside arguments that are not', () => {
    const args = `-o ProxyCommand="nc %h %p" -J inner -q`;
    expect(translate({ ansible_ssh_common_args: args })).toMatchObject({
      target: { jump: [{ host: 'inner' }] },
      ignored: [
        'ansible_ssh_common_args: -o ProxyCommand=nc %h %p is not used',
        'ansible_ssh_common_args: -q is not used',
      ],
    });
  });
});
