import { oneLine } from '../src/domain/text/plain-text.ts';
import { groupBy } from '../chaos/group.ts';
import { describeCase, shells } from './cases.ts';
import { kinds } from './kinds.ts';
import type { Played } from './play.ts';

/** A table of kinds and shells: cases that provisioned, named the cause, or broke a promise. */
export function renderTable(played: readonly Played[]): string {
  const rows = kinds.flatMap((kind) => {
    const of = played.filter(({ login }) => login.fragments.some((fragment) => fragment.kind === kind));
    if (of.length === 0) return [];
    return [
      [kind.name, ...shells.map((shell) => cell(of.filter(({ login }) => login.shell === shell))), cell(of)],
    ];
  });
  const head = ['provisioned/named/violations', ...shells, 'all'];
  const table = [
    head,
    ...rows,
    [
      'all',
      ...shells.map((shell) => cell(played.filter(({ login }) => login.shell === shell))),
      cell(played),
    ],
  ];
  const widths = head.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table
    .map((row) =>
      row.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  '),
    )
    .join('\n');
}

function cell(played: readonly Played[]): string {
  const by = groupBy(played, ({ verdict }) => verdict.outcome);
  const count = (outcome: Played['verdict']['outcome']) => by.get(outcome)?.length ?? 0;
  return played.length === 0 ? '–' : `${count('provisioned')}/${count('named')}/${count('violation')}`;
}

/** The summary line. */
export function renderSummary(played: readonly Played[]): string {
  const count = (outcome: Played['verdict']['outcome']) =>
    played.filter(({ verdict }) => verdict.outcome === outcome).length;
  return `fuzz: ${played.length} cases, ${count('provisioned')} provisioned, ${count('named')} named, ${count('violation')} violations`;
}

/** The violations of a case, and the command that repeats it. */
export function renderViolations({ login, seen, verdict }: Played, seed: number): string {
  return [
    `VIOLATION in case ${login.index}, ${describeCase(login)}`,
    ...verdict.violations.map((text) => `  ${text}`),
    `  after ${(seen.tookMs / 1000).toFixed(1)} s (${seen.end}); again: npm run fuzz:logins -- --seed ${seed} --case ${login.index}`,
  ].join('\n');
}

/** The failure of a run that names the cause. */
export function renderNamed({ login, seen }: Played): string {
  const [first] = seen.reports;
  const text = first ? `${first.code}: ${first.message} (${first.advice})` : '';
  return `case ${login.index}, ${describeCase(login)}\n  ${(seen.tookMs / 1000).toFixed(1)} s, ${oneLine(text)}`;
}
