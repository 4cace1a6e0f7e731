import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findLacks, type LackDeps } from '../../src/activities/find-lacks.ts';
import { loadConfig } from '../../src/config/config.ts';
import { readZmxFile, resolveSecrets, resolveTarget } from '../../src/config/places.ts';
import type { Plan } from '../../src/domain/plan/schema.ts';

const VALUE = 'hunter2-the-value';
let root: string;
let deps: LackDeps;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'chandler-lacks-'));
  for (const dir of ['keys', 'vault', 'zmx']) mkdirSync(join(root, dir));
  // Of the ed25519 keys that ssh2 makes, one in 256 is malformed.
  writeFileSync(join(root, 'keys/good'), ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private);
  writeFileSync(join(root, 'keys/broken'), 'no key');
  writeFileSync(join(root, 'vault/token'), VALUE);
  writeFileSync(join(root, 'zmx/zmx'), 'binary');
  const places = {
    ...loadConfig({}).places,
    identityDirs: [join(root, 'keys')],
    secretsDir: join(root, 'vault'),
    zmxDir: join(root, 'zmx'),
  };
  deps = {
    resolveTarget: (target) => resolveTarget(target, places),
    resolveSecrets: (references) => resolveSecrets(references, places, { CHANDLER_SECRET_WORD: VALUE }),
    zmx: { readFile: (name) => readZmxFile(name, places) },
  };
});
afterAll(() => rmSync(root, { recursive: true }));

const lacksOf = async (change: Partial<Plan>, secrets: Record<string, string> = {}) => {
  const plan: Plan = {
    target: { host: 'h', identity: 'good' },
    steps: [
      { name: 'first', script: 'true' },
      { name: 'last', script: 'true', secrets },
    ],
    ...change,
  };
  const lacks = await findLacks(deps, plan);
  expect(JSON.stringify(lacks)).not.toContain(VALUE);
  return lacks.map(({ path, step, failure }) => [path, step, failure.code]);
};

it.each<[what: string, change: Partial<Plan>, secrets: Record<string, string>]>([
  ['names nothing', {}, {}],
  ['has all of its secrets', {}, { A: 'file:token', B: 'env:WORD' }],
  [
    'goes through a jump host',
    { target: { host: 'h', identity: 'good', jump: [{ host: 'j', identity: 'good' }] } },
    {},
  ],
  ['brings a zmx of the worker', { zmx: { file: 'zmx' } }, {}],
])('a plan that %s lacks nothing', async (_, change, secrets) => {
  expect(await lacksOf(change, secrets)).toEqual([]);
});

it.each<[what: string, change: Partial<Plan>, secrets: Record<string, string>, lack: (string | undefined)[]]>(
  [
    [
      'a secret file',
      {},
      { A: 'file:gone', B: 'file:token' },
      ['steps[1].secrets.A', 'last', 'secret-unavailable'],
    ],
    ['a secret variable', {}, { A: 'env:GONE' }, ['steps[1].secrets.A', 'last', 'secret-unavailable']],
    [
      'an identity',
      { target: { host: 'h', identity: 'gone' } },
      {},
      ['target.identity', undefined, 'identity-unavailable'],
    ],
    ['any identity', { target: { host: 'h' } }, {}, ['target', undefined, 'identity-unavailable']],
    [
      'an identity that can be used',
      { target: { host: 'h', identity: 'broken' } },
      {},
      ['target.identity', undefined, 'identity-unavailable'],
    ],
    [
      'the identity of the jump host',
      { target: { host: 'h', identity: 'good', jump: [{ host: 'j', identity: 'gone' }] } },
      {},
      ['target.jump[0].identity', undefined, 'identity-unavailable'],
    ],
    ['a zmx file', { zmx: { file: 'gone' } }, {}, ['zmx', undefined, 'zmx-unavailable']],
    [
      'the right zmx file',
      { zmx: { file: 'zmx', sha256: '0'.repeat(64) } },
      {},
      ['zmx', undefined, 'zmx-checksum'],
    ],
  ],
)('a worker without %s lacks that', async (_, change, secrets, lack) => {
  expect(await lacksOf(change, secrets)).toEqual([lack]);
});

it('everything that a worker lacks is listed', async () => {
  const change = {
    target: { host: 'h', identity: 'gone', jump: [{ host: 'j', identity: 'gone' }] },
    zmx: { file: 'gone' },
  };
  expect((await lacksOf(change, { A: 'env:GONE', B: 'file:gone' })).map(([path]) => path)).toEqual([
    'target.identity',
    'target.jump[0].identity',
    'zmx',
    'steps[1].secrets.A',
    'steps[1].secrets.B',
  ]);
});
