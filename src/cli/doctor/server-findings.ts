import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../../client.ts';
import { formatDuration } from '../../domain/text/duration.ts';
import { OPEN_QUERY } from '../../domain/run/execution-status.ts';
import { reasonOf } from '../../domain/run/failure.ts';
import { verdictsOn, type Finding, type Verdicts } from '../../domain/run/finding.ts';
import { count } from '../../domain/text/count.ts';
import { quoteOperand } from '../../shell/index.ts';
import { searchAttributes } from '../../domain/run/search-attributes.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { inTime } from '../server/observe-run.ts';
import { attributeFindings, missingAttributes, typeNumber } from './attribute-findings.ts';
import { encodingFinding } from './codec-findings.ts';

/** The server lists a new search attribute only after some time. */
const RELIST = { times: 20, everyMs: 250 } as const;
const DAY_MS = 86_400_000;
const MAX_NAMED = 5;

/** `cli` is the Temporal CLI with its connection options. */
export async function namespaceFinding(
  client: ChandlerClient,
  namespace: string,
  cli: string,
): Promise<Finding> {
  const verdicts = verdictsOn('namespace', oneLine(namespace));
  const retentionMs = await inTime(client, () => client.server.retentionMs());
  return retentionMs === undefined
    ? verdicts.problem('does not exist', `${cli} operator namespace create --retention 72h`)
    : retentionFinding(verdicts, retentionMs, cli);
}

export function retentionFinding({ ok, warning }: Verdicts, retentionMs: number, cli: string): Finding {
  const kept = `keeps closed runs for ${formatDuration(retentionMs)}`;
  if (retentionMs >= DAY_MS) return ok(kept);
  const update = `${cli} operator namespace update --retention 72h`;
  return warning(`${kept}; their results are lost after that`, update);
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
    : verdictsOn('codec', 'runs of this namespace').ok('there are none yet');
}

/** Runs that one of Temporal's own pauses holds: a forgotten one keeps its host for ever. */
export async function pausedRunsFinding(client: ChandlerClient): Promise<Finding> {
  const query = `${OPEN_QUERY} AND TemporalPauseInfo IS NOT NULL`;
  const ids = (await inTime(client, () => client.list({ query }))).map(({ id }) => oneLine(id));
  const { ok, warning } = verdictsOn('paused-runs', 'runs that are paused in Temporal');
  const [first] = ids;
  if (first === undefined) return ok('none');
  const named = ids.slice(0, MAX_NAMED).join(', ');
  const more = ids.length > MAX_NAMED ? ', …' : '';
  const message = `${count(ids.length, 'run')} on hold: ${named}${more}`;
  return warning(message, `chandler status ${quoteOperand(first)}`);
}
