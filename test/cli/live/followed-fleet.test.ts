import { describe, expect, it } from 'vitest';
import type { FleetStatus } from '../../../src/domain/fleet/fleet-status.ts';
import { updateFleet } from '../../../src/cli/live/followed-fleet.ts';
import { render } from '../../../src/cli/live/screen/render-screen.ts';
import { plain } from '../../../src/cli/output/paint.ts';
import { listed, makeInfo, makeState, press } from './make-state.ts';

const fleet = (done: number, changes: Partial<FleetStatus> = {}): FleetStatus => ({
  name: 'web',
  plan: 'site',
  phase: 'rolling-out',
  hosts: 100,
  counts: { pending: 90 - done, running: 10, parked: 0, failed: 0, done },
  skipped: 0,
  recounted: 100,
  wave: 1,
  waveCount: 1,
  waves: [],
  concurrency: 10,
  failures: { count: 0, allowed: 3 },
  paused: false,
  startedAtMs: 0,
  worst: [],
  auditTrail: [],
  ...changes,
});
const see = (status: FleetStatus) => ({ status, isCutOff: false });

describe('a fleet that is followed', () => {
  it('has the pace of its latest minutes', () => {
    const first = updateFleet(undefined, see(fleet(10)), 60_000);
    expect(first.pace).toEqual({ hostsPerMinute: 10, leftMs: 540_000 });
    const later = updateFleet(first, see(fleet(70)), 170_000);
    expect(later.pace?.hostsPerMinute).toBeCloseTo((70 - 10) / (110 / 60));
    expect(updateFleet(later, see(fleet(70)), 280_000).pace).toBeUndefined();
  });

  it('has no pace while the next wave waits, and a new one afterwards', () => {
    const first = updateFleet(undefined, see(fleet(10)), 60_000);
    const waiting = updateFleet(first, see(fleet(10, { gate: { kind: 'promote' } })), 100_000);
    expect(waiting.pace).toBeUndefined();
    expect(updateFleet(waiting, see(fleet(20)), 110_000).pace?.hostsPerMinute).toBe(60);
  });

  it('keeps its last state when it is cut off, and has no pace once it is over', () => {
    const first = updateFleet(undefined, see(fleet(10)), 60_000);
    expect(updateFleet(first, { isCutOff: true }, 70_000)).toMatchObject({
      isCutOff: true,
      status: { counts: { done: 10 } },
    });
    expect(updateFleet(first, see(fleet(90, { endedAtMs: 70_000 })), 70_000).pace).toBeUndefined();
  });

  it.each([[24], [12], [60]])(
    'is shown above its runs on a screen with %i rows, not above one of them',
    (rows) => {
      const runs = Array.from({ length: 40 }, (_, i) => makeInfo(`web${i}`));
      const state = makeState([listed(...runs), { kind: 'fleet', reading: see(fleet(40)) }], {
        size: { columns: 80, rows },
      });
      const lines = render(state, plain);
      expect(lines).toHaveLength(rows);
      expect(lines[1]).toMatch(/^Fleet web \(site\): rolling-out/);
      expect(lines[2]).toMatch(/40 of 100 done, 10 running, 50 pending/);
      expect(lines.findIndex((line) => line.startsWith('> web'))).toBeGreaterThan(3);
      const { state: inside } = press(state, '[enter]');
      expect(render(inside, plain)).toHaveLength(rows);
      expect(render(inside, plain).join('\n')).not.toContain('Fleet web');
      expect(render(press(inside, '[escape]').state, plain)).toEqual(lines);
    },
  );
});
