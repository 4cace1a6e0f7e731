import { describe, expect, it } from 'vitest';
import { renderMarkdown } from '../../src/domain/markdown.ts';
import type { RunStatus } from '../../src/domain/status.ts';

const status: RunStatus = {
  phase: 'steps',
  plan: 'demo',
  host: 'root@web1:22',
  attention: true,
  paused: true,
  startedAtMs: 0,
  steps: [
    {
      name: 'px-egress',
      state: 'succeeded',
      generation: 1,
      startedAtMs: 0,
      endedAtMs: 2500,
      exitCode: 0,
      finalizer: { state: 'pending', generation: 0 },
    },
    {
      name: 'site',
      state: 'parked',
      generation: 2,
      startedAtMs: 0,
      endedAtMs: 65_000,
      exitCode: 3,
      failure: { code: 'step-failed', message: 'site: exit 3', advice: '' },
    },
  ],
  sentinel: '/s',
  attach: 'ZMX_DIR=/z zmx attach NAME',
  interventions: [],
};

describe('a run as Markdown', () => {
  it('tells where it is and what a person can do', () => {
    expect(renderMarkdown(status)).toBe(
      `**steps** (paused) · root@web1:22

| step | state | try | time | exit |
|---|---|---|---|---|
| px-egress | ✔ succeeded | 1 | 2.5 s | 0 |
| px-egress (finalizer) | · pending |  |  |  |
| site | ⏸ parked | 2 | 1 min 5 s | 3 |

**site** waits for a person (step-failed: site: exit 3). Send the signal \`retryStep\` or \`skipStep\` with \`{"step":"site"}\`.

Attach on the host: \`ZMX_DIR=/z zmx attach NAME\``,
    );
  });

  it('lets text of a host or a plan break out of nothing', () => {
    const evil = 'x | y\n\n# <img src=x onerror=y> `z` [a](javascript:b) \\| *__b__*';
    const shown = renderMarkdown({
      ...status,
      host: evil,
      failure: { code: 'step-failed', message: evil, advice: '' },
    });
    const safe =
      'x \\| y # \\<img src=x onerror=y\\> \\`z\\` \\[a\\](javascript:b) \\\\\\| \\*\\_\\_b\\_\\_\\*';
    expect(shown.split('\n')[0]).toBe(`**steps** (paused) · ${safe}`);
    expect(shown.split('\n').at(-1)).toBe(`**step-failed**: ${safe}`);
  });
});
