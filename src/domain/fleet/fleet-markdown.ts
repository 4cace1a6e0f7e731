import { boundedText } from '../text/bounded-text.ts';
import { count } from '../text/count.ts';
import { formatDuration } from '../text/duration.ts';
import { advice, code, left, prose, right, table, unbroken } from '../text/markdown.ts';
import { describeAction } from '../run/audit-trail.ts';
import { exampleFleetInput, fleetActionNames, fleetActions } from './fleet-actions.ts';
import type { FleetHostStatus, FleetStatus, HostCounts } from './fleet-status.ts';

const MAX_SHORT_LENGTH = 160;
const MAX_AUDIT_ENTRIES = 10;
const WAVE_COLUMNS = right('wave', 'hosts', 'done', 'running', 'parked', 'failed', 'pending');
const HOST_COLUMNS = left('host', 'state', 'why', 'run');
const AUDIT_COLUMNS = left('when', 'what', 'who', 'why');

/** Renders a fleet as Markdown for the UI: where it is, what an operator must do, its waves, and its worst hosts. */
export function renderFleetMarkdown(status: FleetStatus): string {
  const { attention, worst, waves, auditTrail } = status;
  const hosts = worst.filter(({ state }) => state !== 'running');
  return [
    `**${headline(status)}**`,
    describeProgress(status),
    ...(attention ? [`### ⚠ ${prose(attention.message.replace(/\.$/, ''))}`, advice(attention.advice)] : []),
    ...(waves.length > 1
      ? table(
          WAVE_COLUMNS,
          waves.map((wave) => waveRow(wave.wave, wave.hosts, wave.counts)),
        )
      : []),
    ...(hosts.length > 0 ? ['### Hosts to look at', ...table(HOST_COLUMNS, hosts.map(hostRow))] : []),
    ...(status.endedAtMs === undefined ? ['### To act', actionList()] : []),
    ...(auditTrail.length > 0
      ? [
          '### Audit trail',
          ...table(
            AUDIT_COLUMNS,
            auditTrail
              .slice(-MAX_AUDIT_ENTRIES)
              .map((entry) => [
                unbroken(new Date(entry.atMs).toISOString().slice(11, 19)),
                short(describeAction(entry)),
                short(entry.by ?? ''),
                short(entry.refused === undefined ? (entry.reason ?? '') : `refused: ${entry.refused}`),
              ]),
          ),
        ]
      : []),
  ].join('\n\n');
}

function headline({
  phase,
  wave,
  waveCount,
  paused,
  endedAtMs,
  startedAtMs,
  gate,
  attention,
}: FleetStatus): string {
  if (endedAtMs !== undefined) return `${phase} after ${formatDuration(endedAtMs - startedAtMs)}`;
  const what = attention?.reason === 'exceeded' ? 'error budget exceeded' : phase.replace('-', ' ');
  const where = waveCount > 1 ? `, ${gate ? 'after wave' : 'wave'} ${wave} of ${waveCount}` : '';
  return `${what}${where}${paused ? ', paused' : ''}`;
}

function describeProgress({ hosts, counts, skipped, concurrency, failures }: FleetStatus): string {
  const { pending, running, parked, failed, done } = counts;
  const states = [
    `${done} done${skipped > 0 ? ` (${skipped} skipped)` : ''}`,
    `${running} running`,
    `${parked} parked`,
    `${failed} failed`,
    `${pending} pending`,
  ];
  return prose(
    `${count(hosts, 'host')}: ${states.join(', ')}. At most ${concurrency} at once; ${count(failures.count, 'failure')}, ${failures.allowed} allowed.`,
  );
}

function waveRow(
  wave: number,
  hosts: number,
  { done, running, parked, failed, pending }: HostCounts,
): string[] {
  return [wave, hosts, done, running, parked, failed, pending].map(String);
}

function hostRow({ name, state, failure, workflowId }: FleetHostStatus): string[] {
  const step = failure?.step === undefined ? '' : `${failure.step}: `;
  return [
    unbroken(name),
    unbroken(state === 'overdue' ? 'parked' : state),
    failure ? short(`${step}${failure.message.split('\n', 1)[0]} (${failure.code})`) : '',
    code(workflowId),
  ];
}

function actionList(): string {
  return fleetActionNames
    .map((name) => `- ${code(name)} ${code(exampleFleetInput(name))}: ${fleetActions[name].summary}`)
    .join('\n');
}

function short(text: string): string {
  return prose(boundedText(text, MAX_SHORT_LENGTH));
}
