import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderDiff } from '../../../src/cli/diff/render-diff.ts';
import { renderFindings } from '../../../src/cli/doctor/render-findings.ts';
import { plainText } from '../../../src/domain/text/plain-text.ts';
import { colored, plain } from '../../../src/cli/output/paint.ts';
import { nastyText, UNFIT } from '../../support/hostile.ts';

const sections = [
  {
    about: 'here',
    name: '',
    findings: [{ id: 'node', subject: 'Node 20', verdict: 'ok', message: 'as needed' }],
  },
  {
    about: 'server',
    name: 'a:1\u001b[2J',
    findings: [
      { id: 'search-attributes', subject: 'A', verdict: 'ok', message: 'there', fixed: 'created it' },
      { id: 'workers', subject: 'q', verdict: 'problem', message: 'nobody', fix: 'chandler worker' },
      { id: 'codec', subject: 'runs', verdict: 'skipped', message: 'not told' },
      { id: 'clock', subject: 'c', verdict: 'warning', message: 'late' },
    ],
  },
] as const;

test('findings are aligned, each with a mark and a word, and the command that fixes it', () => {
  expect(renderFindings(sections, plain)).toEqual([
    'Here',
    '  ✔ ok       node               Node 20: as needed',
    '',
    'Server  a:1',
    '  ✔ ok       search-attributes  A: there',
    '             fixed: created it',
    '  ✘ problem  workers            q: nobody',
    '             fix:   chandler worker',
    '  – skipped  codec              runs: not told',
    '  ! warning  clock              c: late',
    '',
    '1 problem, 1 warning',
  ]);
});

test('whatever a finding contains, no line drives a terminal or ends early', () => {
  fc.assert(
    fc.property(nastyText, (text) => {
      const finding = {
        id: 'x',
        subject: text,
        verdict: 'problem',
        message: text,
        fix: text,
        fixed: text,
      } as const;
      const rows = [{ kind: 'step', name: text, would: 'do', message: text }] as const;
      const diff = {
        host: text,
        plan: text,
        digest: 'd'.repeat(64),
        outcome: 'would-run',
        message: text,
        rows,
      } as const;
      const lines = renderFindings([{ about: 'host', name: text, findings: [finding] }], plain);
      for (const line of [...lines, ...renderDiff(diff, plain)]) {
        expect(line).not.toMatch(UNFIT);
        expect(line).not.toContain('\n');
      }
    }),
  );
});

test('colour changes nothing but colour', () => {
  const bare = renderFindings(sections, colored).map(plainText);
  expect(bare).toEqual(renderFindings(sections, plain));
  expect(renderFindings(sections.slice(0, 1), plain).at(-1)).toBe('All is well.');
});

test('a diff shows what a run would do about each subject, and the outcome', () => {
  const rows = [
    { kind: 'sentinel', would: 'keep', message: '/p does not exist' },
    { kind: 'step', name: 'a', would: 'do', message: 'runs' },
    { kind: 'finalizer', name: 'a', would: 'wait', message: 'begun' },
  ] as const;
  const diff = {
    host: 'root@h:22',
    plan: 'p',
    digest: 'd'.repeat(64),
    outcome: 'would-run',
    message: 'so',
    rows,
  } as const;
  expect(renderDiff(diff, plain)).toEqual([
    'p on root@h:22 (digest dddddddddddd)',
    '  = keep  sentinel     /p does not exist',
    '  + do    step a       runs',
    '  ~ wait  finalizer a  begun',
    '  so',
  ]);
});
