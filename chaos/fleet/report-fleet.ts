import { entries, faultEntries, renderTimeline } from '../report.ts';
import type { FleetEvidence, FleetViolation } from './judge-fleet.ts';

/** Violations of a fleet, how to reproduce them, and the events around them in order of time. */
export function renderFleetViolations(
  { drawn, executions, faults, samples, end, hosts, runs }: FleetEvidence,
  violations: readonly FleetViolation[],
  seed: number,
): string {
  const timeline = renderTimeline([
    ...faultEntries(faults),
    ...executions.flatMap(({ runId, events }) =>
      entries(
        events.filter(({ kind }) => kind !== 'task'),
        'fleet',
        ({ atMs }) => atMs,
        (event) => `${runId.slice(-4)} ${JSON.stringify(event)}`,
      ),
    ),
    ...entries(
      samples,
      'status',
      ({ atMs }) => atMs,
      ({ status: { phase, wave, counts, attention, concurrency, failures } }) =>
        JSON.stringify({ phase, wave, counts, attention: attention?.reason, concurrency, failures }),
    ),
    ...runs.flatMap(({ node, ledger }) =>
      entries(
        ledger,
        'ledger',
        ({ atMs }) => atMs,
        ({ kind, step, attempt, event, code }) => `${node} ${kind} ${step} ${attempt} ${event} ${code ?? ''}`,
      ),
    ),
  ]);
  return [
    ...violations.map(({ invariant, what }) => `VIOLATION ${invariant}: ${what}`),
    `seed ${seed}, ${drawn.name}${drawn.isCalm ? ' once more, without faults' : ''}, ${JSON.stringify(end)}`,
    JSON.stringify({
      drawn,
      hosts,
      runs: runs.map(({ node, begunMs, outcome }) => ({ node, begunMs, outcome })),
    }),
    ...timeline,
    '',
  ].join('\n');
}
