import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { renderStatusMarkdown } from '../../../src/domain/run/status-markdown.ts';
import type { PartFailure } from '../../../src/domain/run/status.ts';
import { phases } from '../markdown-phases.ts';

const folder = fileURLToPath(new URL('../../fixtures/markdown', import.meta.url));

describe('a run as Markdown', () => {
  it.each(Object.entries(phases))('shows its state and what an operator can do: %s', (name, status) => {
    expect(`${renderStatusMarkdown(status)}\n`).toBe(readFileSync(`${folder}/${name}.md`, 'utf8'));
  });

  it('is tested with every fixture', () => {
    expect(readdirSync(folder).toSorted()).toEqual(
      Object.keys(phases)
        .map((name) => `${name}.md`)
        .toSorted(),
    );
  });

  it('shows text of a host, a plan or an operator literally', () => {
    const evil = 'x | y\n\n# <img src=x onerror=y> `z` [a](javascript:b) \\| *__b__*';
    const safe =
      'x \\| y # \\<img src=x onerror=y\\> \\`z\\` \\[a\\](javascript:b) \\\\\\| \\*\\_\\_b\\_\\_\\*';
    const failure: PartFailure = { code: 'step-failed', message: evil, advice: evil, logTail: evil };
    const shown = renderStatusMarkdown({
      ...phases['failed']!,
      host: evil,
      plan: evil,
      failure,
      auditTrail: [{ action: 'abort', reason: evil, by: evil, atMs: 0 }],
    });
    expect(shown.split('\n')[0]).toContain(`**✘ failed** · ${safe} · ${safe} · `);
    expect(shown).toContain('**step-failed:**\n\n```\nx | y\n');
    expect(shown.split('\n').at(-1)).toMatch(/\| {1}\u00a0\u00a0abort \| /);
    expect(
      shown
        .split('\n')
        .at(-1)!
        .split(/(?<!\\)\|/),
    ).toHaveLength(6);
  });

  it('stays small at the largest status, because the UI puts it into an address', () => {
    const failure: PartFailure = {
      code: 'step-failed',
      message: '|'.repeat(1000),
      advice: '|'.repeat(1500),
      logTail: '|'.repeat(4096),
    };
    const part = { state: 'parked' as const, attempt: 99, startedAtMs: 0, endedAtMs: 1e9, failure };
    const steps = Array.from({ length: 64 }, (_, i) => ({
      ...part,
      name: `${i}`.padStart(40, 'x'),
      finalizer: { ...part, state: 'failed' as const },
    }));
    const said = { action: 'abort' as const, by: '|'.repeat(1000), reason: '|'.repeat(1000), atMs: 1 };
    const auditTrail = Array.from({ length: 100 }, () => said);
    const status = { ...phases['aborted']!, steps, auditTrail, failure: { ...failure, message: 'other' } };
    // Go's servers, of which that of the UI is one, take 1 MB of headers.
    expect(encodeURIComponent(renderStatusMarkdown(status)).length).toBeLessThan(300_000);
  });
});
