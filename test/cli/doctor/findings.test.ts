import { describe, expect, it } from 'vitest';
import {
  attributeFindings,
  missingAttributes,
  typeNumber,
} from '../../../src/cli/doctor/attribute-findings.ts';
import { encodingFinding } from '../../../src/cli/doctor/codec-findings.ts';
import { hostFindings } from '../../../src/cli/doctor/host-findings.ts';
import { clockFinding, toJson } from '../../../src/cli/doctor/sections.ts';
import { retentionFinding } from '../../../src/cli/doctor/server-findings.ts';
import {
  pollersFinding,
  versioningFindings,
  versionFindings,
} from '../../../src/cli/doctor/worker-findings.ts';
import { failureCodes, type FailureCode } from '../../../src/domain/run/failure.ts';
import { verdictsOn, type Finding } from '../../../src/domain/run/finding.ts';
import { searchAttributes } from '../../../src/domain/run/search-attributes.ts';
import type { Poller } from '../../../src/client.ts';
import type { Target } from '../../../src/domain/plan/schema.ts';
import { makeLaunch } from '../../../src/domain/run/ids.ts';
import { makeInspection } from '../make-inspection.ts';

const CLI = 'temporal --address a:1 --namespace n';
const poller = (changes: Partial<Poller> = {}): Poller => ({
  identity: 'chandler/1.2.3 7@w',
  workflows: true,
  activities: true,
  ...changes,
});
const verdicts = (findings: readonly Finding[]) => findings.map(({ verdict }) => verdict);
const about = verdictsOn('x', 'x');

const left = (atWork: boolean) => ({
  launch: makeLaunch('o', 'a', 'step', 1),
  state: 'running' as const,
  processes: 1,
  atWork,
});

describe('the server', () => {
  it.each<[seconds: number, verdict: Finding['verdict']]>([
    [86_400, 'ok'],
    [86_399, 'warning'],
    [0, 'warning'],
  ])('that keeps runs for %d s is %s', (seconds, verdict) => {
    expect(retentionFinding(about, seconds * 1000, CLI).verdict).toBe(verdict);
  });

  const all = Object.fromEntries(
    Object.entries(searchAttributes).map(([name, type]) => [name, typeNumber(type)]),
  );

  it('with every search attribute is ok', () => {
    expect(missingAttributes(all)).toEqual([]);
    expect(attributeFindings(all, CLI)).toMatchObject([{ verdict: 'ok' }]);
  });

  it('that lacks one gets the command to create it, and one of the wrong type the command to replace it', () => {
    const { ChandlerHost: _, ...rest } = all;
    const findings = attributeFindings({ ...rest, ChandlerAttention: typeNumber('Keyword') }, CLI);
    expect(findings).toMatchObject([
      { verdict: 'ok' },
      {
        subject: 'ChandlerHost',
        verdict: 'problem',
        fix: `${CLI} operator search-attribute create --name ChandlerHost --type Keyword`,
      },
      {
        subject: 'ChandlerAttention',
        verdict: 'problem',
        message: expect.stringContaining('is Keyword, must be Bool') as string,
        fix: expect.stringMatching(/remove --name ChandlerAttention.* && .*create .*--type Bool$/) as string,
      },
    ]);
  });

  it('that refuses to create them is a problem with its reason, and still has the command', () => {
    const findings = attributeFindings({}, CLI, { refusal: 'permission denied' });
    expect(new Set(verdicts(findings))).toEqual(new Set(['problem']));
    expect(findings[0]).toMatchObject({
      message: expect.stringContaining('permission denied') as string,
      fix: expect.stringContaining('search-attribute create') as string,
    });
  });

  it('that did not keep a created attribute still lacks it', () => {
    expect(attributeFindings({}, CLI, { fixed: ['ChandlerHost'] })[0]).toMatchObject({ verdict: 'problem' });
  });

  it.each<[encodings: string[], verdict: Finding['verdict']]>([
    [[], 'ok'],
    [['json/plain', 'binary/null'], 'ok'],
    [['json/plain', 'binary/encrypted'], 'problem'],
  ])('whose newest run is encoded as %j is %s', (encodings, verdict) => {
    expect(encodingFinding('w', encodings, CLI).verdict).toBe(verdict);
  });
});

describe('the workers', () => {
  it.each<[what: string, pollers: Poller[], verdict: Finding['verdict'], message: string]>([
    ['nobody', [], 'problem', 'no worker polls it: runs would wait'],
    [
      'one that runs no activities',
      [poller({ activities: false })],
      'problem',
      'no worker polls it for activities',
    ],
    [
      'two that share the work',
      [poller({ identity: 'a', activities: false }), poller({ identity: 'b', workflows: false })],
      'ok',
      'polled by a, b',
    ],
  ])('%s: as it is', (_, pollers, verdict, message) => {
    const finding = pollersFinding('q', pollers, 'chandler worker');
    expect(finding).toMatchObject({ verdict, message: expect.stringContaining(message) as string });
    expect(finding.fix).toBe(verdict === 'ok' ? undefined : 'chandler worker');
  });

  it('of another version, or of none, are distinguished', () => {
    const pollers = ['chandler/1.2.3 1@a', 'chandler/1.0.0 1@b', '1@c'].map((identity) =>
      poller({ identity }),
    );
    expect(verdicts(versionFindings(pollers, '1.2.3', 'chandler worker'))).toEqual([
      'ok',
      'warning',
      'warning',
    ]);
  });

  const build = { deployment: 'd', id: 'b1' };
  it.each<[what: string, pollers: Poller[], current: string | undefined, verdict: Finding['verdict']]>([
    ['whose build is current', [poller({ build })], 'b1', 'ok'],
    ['of which none is current', [poller({ build })], undefined, 'problem'],
    ['beside one without a build', [poller({ build }), poller()], undefined, 'warning'],
    ['of another build than the current one', [poller({ build })], 'b2', 'problem'],
  ])('with builds, %s', (_, pollers, current, verdict) => {
    const [finding] = versioningFindings(pollers, [{ name: 'd', ...(current && { current }) }], CLI);
    expect(finding?.verdict).toBe(verdict);
    if (verdict !== 'ok')
      expect(finding?.fix).toBe(
        `${CLI} worker deployment set-current-version --deployment-name d --build-id b1`,
      );
  });

  it('without builds use no versioning', () => {
    expect(versioningFindings([poller()], [], CLI)).toMatchObject([{ verdict: 'ok', message: 'not used' }]);
  });
});

describe('a clock', () => {
  it.each<[aheadMs: number, verdict: Finding['verdict'], message: string]>([
    [0, 'ok', 'within 5 s'],
    [-5000, 'ok', 'within 5 s'],
    [6000, 'warning', '6 s ahead of'],
    [-400_000, 'problem', '400 s behind'],
  ])('that is %d ms ahead', (aheadMs, verdict, message) => {
    expect(clockFinding(about, aheadMs, "the server's")).toMatchObject({
      verdict,
      message: expect.stringContaining(message) as string,
    });
  });
});

describe('a host', () => {
  const target: Target = { host: 'h', port: 2222, user: 'app', become: 'sudo' };
  const failing = (code: FailureCode) =>
    hostFindings(target, { failure: { code, message: 'why', advice: failureCodes[code].advice } });

  it.each<[code: FailureCode, id: string]>([
    ['identity-unavailable', 'identity'],
    ['host-unreachable', 'host-reach'],
    ['host-key-unknown', 'host-key'],
    ['host-key-mismatch', 'host-key'],
    ['auth-failed', 'host-login'],
    ['login-interferes', 'host-login'],
    ['become-failed', 'host-sudo'],
    ['host-unsupported', 'host-inspection'],
    ['connection-lost', 'host-inspection'],
  ])('that fails with %s: the stages before are ok, those after are skipped', (code, id) => {
    const findings = failing(code);
    const at = findings.findIndex((finding) => finding.id === id);
    expect(verdicts(findings)).toEqual(
      findings.map((_, i) => (i < at ? 'ok' : i === at ? 'problem' : 'skipped')),
    );
    expect(findings[at]).toMatchObject({
      message: `why (${code})`,
      fix: expect.stringMatching(/^\S/) as string,
    });
  });

  it('sudo-requiretty: where sudo refuses for a reason other than a password gets the advice for that reason', () => {
    const fix = (advice: string) =>
      hostFindings(target, { failure: { code: 'become-failed', message: 'why', advice } }).find(
        ({ id }) => id === 'host-sudo',
      );
    expect(fix('Add `Defaults:USER !requiretty` to sudoers.')).toMatchObject({
      fix: 'Add `Defaults:USER !requiretty` to sudoers.',
    });
    expect(fix('Let the user in: `USER ALL=(ALL) NOPASSWD: ALL` in sudoers.')).toMatchObject({
      fix: expect.stringMatching(/^echo 'app ALL=/) as string,
    });
  });

  it('without any fault has only findings that are ok', () => {
    expect(new Set(verdicts(hostFindings(target, makeInspection())))).toEqual(new Set(['ok']));
  });

  it.each<
    [what: string, id: string, verdict: Finding['verdict'], changes: Parameters<typeof makeInspection>[0]]
  >([
    ['lacks tools', 'host-tools', 'problem', { missing: { tools: ['flock'], packages: ['util-linux'] } }],
    ['has no room', 'host-disk', 'problem', { state: { exists: true, noexec: false, freeKiB: 10 } }],
    ['has little room', 'host-disk', 'warning', { state: { exists: true, noexec: false, freeKiB: 50_000 } }],
    [
      'has few inodes',
      'host-disk',
      'warning',
      { state: { exists: true, noexec: false, freeKiB: 1e6, freeInodes: 3 } },
    ],
    [
      'lets nothing be written',
      'host-state',
      'problem',
      { state: { exists: true, noexec: false, unwritable: '/var is read-only' } },
    ],
    ['runs nothing from there', 'host-state', 'warning', { state: { exists: true, noexec: true } }],
    [
      'gets no zmx',
      'host-zmx',
      'problem',
      { zmx: { kind: 'fails', code: 'zmx-unavailable', message: 'no tmux', advice: 'Get one.' } },
    ],
    ['is behind', 'host-clock', 'warning', { aheadMs: -10_000 }],
    ['opens few sessions', 'host-sessions', 'warning', { execs: { tried: 6, opened: 2 } }],
    ['A7: has a slow login profile', 'host-login-shell', 'warning', { loginMs: 5100 }],
    ['has one that takes very long', 'host-login-shell', 'warning', { loginMs: 6000 }],
    ['opens none', 'host-sessions', 'problem', { execs: { tried: 6, opened: 0 } }],
    ['is held', 'host-lease', 'warning', { holder: makeInspection.heldBy('w', true) }],
    ['was held', 'host-lease', 'ok', { holder: makeInspection.heldBy('w', false) }],
    ['has nothing left of a run that is at work', 'host-leftovers', 'ok', { leftovers: [left(true)] }],
    ['has something left of a run that is over', 'host-leftovers', 'warning', { leftovers: [left(false)] }],
    ['runs its own script', 'host-lease', 'warning', { holder: { kind: 'script', atWork: true } }],
    [
      'has a script that failed',
      'host-script',
      'problem',
      { script: makeInspection.script({ phase: 'failed' }) },
    ],
  ])('that %s', (_, id, verdict, changes) => {
    const finding = hostFindings(target, makeInspection(changes)).find((candidate) => candidate.id === id);
    expect(finding?.verdict).toBe(verdict);
    if (verdict !== 'ok' && id !== 'host-state') expect(finding?.fix).toMatch(/^\S/);
  });

  it('cannot drive the terminal with the facts that it reports', () => {
    const escape = '\u001b[2J\u202e';
    const facts = { ...makeInspection().facts, os: `evil${escape}\nline` };
    const sight = makeInspection({ facts, holder: makeInspection.heldBy(`w${escape}`, true) });
    expect(JSON.stringify(hostFindings(target, sight))).not.toMatch(/u001b|\u202e|\\n/);
  });

  it('cannot make an operator copy an option in place of a run id', () => {
    const sight = makeInspection({ holder: makeInspection.heldBy('--address=evil:7233', true) });
    const lease = hostFindings(target, sight).find(({ id }) => id === 'host-lease');
    expect(lease?.fix).toBe('chandler watch -- --address=evil:7233');
  });
});

it('JSON counts the problems and names the subject of each finding', () => {
  const findings: Finding[] = [about.ok('s'), about.problem('s', 'm'), about.warning('s')];
  expect(toJson([{ about: 'server', name: 'a:1', findings }])).toEqual({
    problems: 1,
    warnings: 1,
    findings: findings.map((finding) => ({ about: 'server', name: 'a:1', ...finding })),
  });
});
