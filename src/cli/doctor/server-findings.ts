import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../../client.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import { OPEN_QUERY } from '../../domain/run/execution-status.ts';
import { reasonOf } from '../../domain/run/failure.ts';
import type { Finding } from '../../domain/run/finding.ts';
import { searchAttributes } from '../../domain/run/search-attributes.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { attributeFindings, missingAttributes, typeNumber } from './attribute-findings.ts';
import { encodingFinding } from './codec-findings.ts';
import { pausedFinding } from './paused-finding.ts';

const ANSWER_MS = 5000;
/** A new search attribute is listed only after a while. */
const RELIST = { times: 20, everyMs: 250 } as const;
const DAY_MS = 86_400_000;

/** Bounds each request: a server that hangs must not hang this command. */
export function inTime<T>(client: ChandlerClient, ask: () => Promise<T>): Promise<T> {
  return client.within(ANSWER_MS, ask);
}

/** `cli` is the Temporal CLI with its connection. */
export async function namespaceFinding(
  client: ChandlerClient,
  namespace: string,
  cli: string,
): Promise<Finding> {
  const about = { id: 'namespace', looked: oneLine(namespace) };
  const retentionMs = await inTime(client, () => client.server.retentionMs());
  if (retentionMs !== undefined) return retentionFinding(about, retentionMs, cli);
  const mend = `${cli} operator namespace create --retention 72h`;
  return { ...about, verdict: 'problem', says: 'does not exist', mend };
}

export function retentionFinding(
  about: Pick<Finding, 'id' | 'looked'>,
  retentionMs: number,
  cli: string,
): Finding {
  const kept = `keeps closed runs for ${formatDuration(retentionMs)}`;
  if (retentionMs >= DAY_MS) return { ...about, verdict: 'ok', says: kept };
  const says = `${kept}; their results are lost after that`;
  return { ...about, verdict: 'warning', says, mend: `${cli} operator namespace update --retention 72h` };
}

/** Checks Chandler's search attributes; with `fix` creates those that are missing. */
export async function searchAttributeFindings(
  client: ChandlerClient,
  cli: string,
  fix: boolean,
): Promise<Finding[]> {
  const list = () => inTime(client, () => client.server.searchAttributes());
  const known = await list();
  const missing = missingAttributes(known);
  if (!fix || missing.length === 0) return attributeFindings(known, cli);
  const types = Object.fromEntries(missing.map((name) => [name, typeNumber(searchAttributes[name])]));
  try {
    await inTime(client, () => client.server.addSearchAttributes(types));
  } catch (error) {
    return attributeFindings(known, cli, { refusal: oneLine(reasonOf(error)) });
  }
  let now = await list();
  for (let i = 0; i < RELIST.times && missingAttributes(now).length > 0; i += 1) {
    await delay(RELIST.everyMs);
    now = await list();
  }
  return attributeFindings(now, cli, { fixed: missing });
}

/** Whether this program can read the memo of the newest run. */
export async function codecFinding(client: ChandlerClient, cli: string): Promise<Finding> {
  const newest = await inTime(client, () => client.server.newestMemo());
  return newest
    ? encodingFinding(newest.workflowId, newest.encodings, cli)
    : { id: 'codec', looked: 'runs of this namespace', verdict: 'ok', says: 'there are none yet' };
}

export async function pausedRunsFinding(client: ChandlerClient): Promise<Finding> {
  const query = `${OPEN_QUERY} AND TemporalPauseInfo IS NOT NULL`;
  const runs = await inTime(client, () => client.list({ query }));
  return pausedFinding(runs.map(({ id }) => id));
}
