import { renderNext } from '../../../src/cli/commands/init-command.ts';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parsePlan } from '../../../src/cli/input/plan-file.ts';
import { fillTarget, planTemplate } from '../../../src/cli/input/plan-template.ts';
import { resolvePlan } from '../../../src/domain/plan/resolve-plan.ts';
import { planSchema, type Plan } from '../../../src/domain/plan/schema.ts';
import { defaultVersion } from '../../../src/zmx/releases.ts';

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
}

/** Every key of a schema, by its path; an item of a list stands for all. */
function keysOf({ properties = {}, items }: JsonSchema, path = ''): string[] {
  if (items) return keysOf(items, path);
  return Object.entries(properties).flatMap(([key, below]) => [
    `${path}${key}`,
    ...keysOf(below, `${path}${key}.`),
  ]);
}

/** Every key of a value, as {@link keysOf} names them. */
function keysIn(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => keysIn(item, path));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, below]) => [
    `${path}${key}`,
    ...keysIn(below, `${path}${key}.`),
  ]);
}

/** Takes the `#` away from every key that is commented out. */
function uncomment(template: string): string {
  return template.replace(/^(\s*)#(?=\S)/gm, '$1');
}

const asIs = () => parsePlan(planTemplate()).plan!;
const whole = () => parsePlan(uncomment(planTemplate())).plan!;

describe('the plan to begin with', () => {
  it('is valid as it is, and with every commented key uncommented', () => {
    expect(parsePlan(planTemplate()).problems).toBeUndefined();
    expect(parsePlan(uncomment(planTemplate())).problems).toBeUndefined();
  });

  it('has every key of the schema', () => {
    const schema = z.toJSONSchema(planSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
    const wanted = keysOf(schema);
    expect(wanted).toContain('steps.retry.backoff');
    const has = keysIn(parse(uncomment(planTemplate())));
    expect(wanted.filter((key) => !has.includes(key))).toEqual([]);
  });

  it('shows every default', () => {
    const [bare, full] = [resolvePlan(asIs()), resolvePlan(whole())];
    for (const key of [
      'onStepFailure',
      'onLeftovers',
      'parkTimeoutMs',
      'connectTimeoutMs',
      'keepSessions',
      'pruneAfterDays',
    ] as const) {
      expect({ [key]: full[key] }).toEqual({ [key]: bare[key] });
    }
    expect(full.sentinel.whenPresent).toBe(bare.sentinel.whenPresent);
    expect(full.zmx).toMatchObject({ source: 'release', version: defaultVersion });
    const bootstrap = resolvePlan({ ...asIs(), bootstrap: { marker: '/m' } }).bootstrap;
    expect(full.bootstrap?.timeoutMs).toBe(bootstrap?.timeoutMs);
    const { timeoutMs, retry, needs } = bare.steps[0]!;
    expect(full.steps[0]).toMatchObject({ timeoutMs, retry, needs });
    expect(full.target).toMatchObject({ port: 22, user: 'root', hostKey: 'known_hosts' });
  });

  it('describes each key, or the group that contains it', () => {
    const text = planTemplate().replaceAll(
      /^( *)#(jump|retry|env|secrets|labels|files):\n(\1 +#\S.*\n)+/gm,
      '$1#$2:\n',
    );
    const lines = text.split('\n');
    const keys = lines.filter((line) => /^ *(#(?=\S)|- )?[A-Za-z$]+:/.test(line));
    expect(keys.length).toBeGreaterThan(30);
    expect(keys.filter((key) => !/^ *# /.test(lines[lines.indexOf(key) - 1] ?? ''))).toEqual([]);
  });
});

describe('fillTarget', () => {
  const targetOf = (target: object): Plan['target'] =>
    (parse(fillTarget(planTemplate(), target as Record<string, unknown>)) as Plan).target;

  it.each<[what: string, target: object]>([
    ['a host', { host: '10.0.0.7' }],
    ['everything', { ...whole().target, host: 'x', port: 2222, hostKey: 'accept-new', become: 'sudo' }],
    [
      'an address with colons, and texts that YAML would read otherwise',
      { host: '::1', identity: 'a: #b', user: 'null' },
    ],
    ['hosts to go through', { host: 'x', jump: [{ host: 'gate', port: 2 }, { host: 'inner' }] }],
    ['what a replacement would take for a pattern', { host: 'x', identity: "$& $1 $'" }],
  ])('puts in %s', (_, target) => {
    expect(targetOf(target)).toEqual({
      ...('host' in target ? {} : { host: 'web1.example.org' }),
      ...target,
    });
  });

  it('does not change the keys of steps', () => {
    const filled = fillTarget(planTemplate(), { user: 'app' });
    expect(filled.replace('  user: app', '  #user: root')).toBe(planTemplate());
  });
});

it('C8: the suggested commands never confuse a file with an option or a host', () => {
  const next = (file: string) => renderNext({ program: 'chandler' }, file).join('\n');
  expect(next("-it's.yaml")).toContain(`chandler up './-it'\\''s.yaml'`);
  expect(next('web1')).toContain('chandler doctor ./web1 ');
  expect(next('plan.yaml')).toContain('chandler doctor plan.yaml ');
});
