import { readdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { validatePlan } from '../../src/domain/plan/validate.ts';
import { presets, script } from '../../src/library/index.ts';

describe('presets', () => {
  it('are all the files, and two variants of one', () => {
    const files = readdirSync(new URL('../../presets', import.meta.url)).map((file) =>
      file.replace('.yaml', ''),
    );
    expect([...presets.names].sort()).toEqual([...files, 'pixels-agent', 'pixels-allowlist'].sort());
  });

  it.each(presets.names)('%s is a good plan, and its scripts are clean for shellcheck', (name) => {
    const plan = presets.plan(name);
    expect(validatePlan({ ...plan, target: { host: 'h' } })).toHaveProperty('plan');
    for (const step of plan.steps) {
      for (const text of [step.script, step.finalize, step.check]) {
        if (text === undefined) continue;
        const { stdout } = spawnSync('shellcheck', ['-s', 'sh', '-e', 'SC2154', '-'], {
          input: text,
          encoding: 'utf8',
        });
        expect(stdout).toBe('');
      }
    }
    expect(script(plan.steps)).toMatch(/^#!\/bin\/sh\n/);
  });

  it('name the presets when an unknown one is requested', () => {
    expect(() => presets.plan('nope')).toThrow(/no preset "nope"; the presets are pixels, docker/);
  });

  it.each([
    ['unrestricted', true, ['px-devtools']],
    ['unrestricted', false, []],
    ['agent', true, ['px-devtools', 'px-egress']],
    ['agent', false, ['px-egress']],
    ['allowlist', true, ['px-devtools', 'px-egress']],
  ] as const)('pixels, egress %s, devtools %s: %j', (egress, devtools, names) => {
    const steps = presets.pixels({ egress, devtools, allow: ['example.org'] });
    expect(steps.map(({ name }) => name)).toEqual(names);
    const last = steps.at(-1);
    if (last?.name !== 'px-egress') return;
    expect(last.finalize).toContain('policy drop');
    const allowed = last.env!['ALLOW']!.split(' ');
    expect(allowed).toContain('example.org');
    expect(allowed.includes('api.anthropic.com')).toBe(egress === 'agent');
  });

  it('pixels keeps the paths that its hosts have', () => {
    expect(presets.plan('pixels')).toMatchObject({
      sentinel: { path: '/root/.pixels-provisioned' },
      bootstrap: { marker: '/root/.ssh-provisioned' },
    });
    const { sentinel, provisionScript, log } = presets.paths('pixels-agent');
    expect([sentinel, provisionScript, log]).toEqual([
      '/root/.pixels-provisioned',
      '/usr/local/bin/pixels-provision.sh',
      '/var/log/pixels-provision.log',
    ]);
    expect(presets.paths('docker')).toEqual({});
  });

  it('pixels refuses an empty allowlist, and has a default one', () => {
    expect(() => presets.pixels({ egress: 'allowlist', allow: [] })).toThrow(/allow holds no name/);
    const [rules] = presets.plan('egress').steps;
    expect(presets.pixels({ egress: 'allowlist' }).at(-1)?.env).toEqual(rules?.env);
  });
});
