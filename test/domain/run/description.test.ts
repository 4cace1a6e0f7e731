import { describe, expect, it } from 'vitest';
import { describeLog, describePlan, describeWatch } from '../../../src/domain/run/description.ts';

const target = { host: 'web1', port: 2222 };

describe('what a run shows from its beginning', () => {
  it('of a plan: the host, the steps and what they need, and how to act', () => {
    const steps = [
      { name: 'packages', script: 'true' },
      { name: 'site', script: 'true', needs: ['packages'], finalize: 'true' },
    ];
    expect(describePlan({ name: 'web', target, steps }, "'a b'")).toEqual({
      summary: 'provision root@web1:2222: web, 2 steps',
      details: `Provisions root@web1:2222 with **web**.

**To act:** More Actions → Send a Signal, or Send an Update, which answers with the reason if it is refused:

- \`retryStep\` \`{"step":"NAME"}\`: run a parked step, or its finalizer, again
- \`skipStep\` \`{"step":"NAME","reason":"…"}\`: treat a parked step, or its finalizer, as done
- \`abort\` \`{"reason":"…"}\`: end the run and everything of it that still runs
- \`pause\` \`{"reason":"…"}\`: start no further step
- \`resume\` \`{}\`: continue after a pause
- \`extendTimeout\` \`{"step":"NAME","by":"10m"}\`: give a step more time before its timeout

**In a terminal:**

- \`chandler watch 'a b'\`
- \`chandler logs 'a b' NAME\`
- \`chandler attach 'a b' NAME\`
- \`chandler retry 'a b' NAME\`

**Steps:**

- **packages**
- **site** needs packages; has a finalizer`,
    });
  });

  it('exists for a watch and for a log reader, too', () => {
    expect(describeWatch(target, 'id').summary).toBe('watch root@web1:2222, which provisions itself');
    expect(describeWatch(target, 'id').details).toContain('makes this run take the host over');
    expect(describeLog('site', 'provision:web1').summary).toBe('log of site for provision:web1');
  });

  it('fits into the limit of the server, in whole characters', () => {
    const steps = Array.from({ length: 64 }, (_, i) => ({ name: `s${i}`.padEnd(40, '_'), script: 'true' }));
    const needs = steps.map(({ name }) => name);
    const plan = {
      name: '"🚢'.repeat(66),
      target: { host: 'h'.repeat(253) },
      steps: steps.map((step) => ({ ...step, needs })),
    };
    for (const { summary, details } of [describePlan(plan, 'x'), describeLog('é'.repeat(300), 'y')]) {
      expect(Buffer.byteLength(JSON.stringify(summary))).toBeLessThanOrEqual(202);
      expect(Buffer.byteLength(JSON.stringify(details))).toBeLessThanOrEqual(16_002);
      expect(`${summary}${details}`.isWellFormed()).toBe(true);
    }
  });
});
