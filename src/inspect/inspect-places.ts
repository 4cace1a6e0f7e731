import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { count } from '../domain/text/count.ts';
import type { Finding } from '../domain/run/finding.ts';
import { oneLine } from '../domain/text/plain-text.ts';
import { quote } from '../shell/index.ts';
import { readKnownHosts } from '../ssh/host-key.ts';
import { malformedLines, parseKnownHosts } from '../ssh/known-hosts.ts';
import { listAgentKeyTypes } from '../ssh/list-agent-key-types.ts';
import type { Places } from '../config/config.ts';
import { inspectKeys } from './inspect-keys.ts';
import { isNodeTooOld, readManifest } from '../config/version.ts';

const MAX_LINES_NAMED = 10;

/**
 * Inspects what a worker with these places can use: keys, agent, known_hosts files, secrets. Clients see the findings, so they name
 * files but never contents.
 */
export async function inspectPlaces(
  places: Places,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Finding[]> {
  const knownHosts = inspectKnownHosts(places.knownHostsFiles);
  const [keys, agent, secrets, zmx] = await Promise.all([
    inspectKeys(places.identityDirs, env['CHANDLER_IDENTITIES'] ? 'CHANDLER_IDENTITIES' : undefined),
    inspectAgent(places.agentSocket),
    inspectDir('secrets', places.secretsDir, 'CHANDLER_SECRETS_DIR', 'secrets of the form file:NAME'),
    inspectDir('zmx-dir', places.zmxDir, 'CHANDLER_ZMX_DIR', 'zmx.source: file'),
  ]);
  const usable = keys.usable > 0 || agent.keys > 0;
  const noLogin: Finding[] = usable
    ? []
    : [
        {
          id: 'login',
          looked: 'ways to log in',
          verdict: 'problem',
          says: 'no key that can be used, in no directory and no agent: no host lets this worker in',
          // Without the operator's keys the worker has those of sandbox hosts.
          mend: places.advice?.['identity-unavailable']
            ? 'chandler sandbox up'
            : `ssh-keygen -t ed25519 -N '' -f ${quote(join(places.identityDirs[0] ?? '.', 'id_ed25519'))}`,
        },
      ];
  return [
    inspectNode(process.versions.node),
    ...keys.findings,
    agent.finding,
    ...noLogin,
    ...knownHosts,
    secrets,
    zmx,
  ];
}

export function inspectNode(version: string): Finding {
  const { node } = readManifest();
  const about = { id: 'node', looked: `Node ${version}` };
  return isNodeTooOld(version, node)
    ? { ...about, verdict: 'problem', says: `Chandler needs ${node}` }
    : { ...about, verdict: 'ok', says: `as Chandler needs it (${node})` };
}

async function inspectAgent(socket: string | undefined): Promise<{ finding: Finding; keys: number }> {
  if (socket === undefined) {
    const says = 'SSH_AUTH_SOCK is not set: plans without target.identity use a key of the directories';
    return { finding: { id: 'agent', looked: 'ssh-agent', verdict: 'ok', says }, keys: 0 };
  }
  const about = { id: 'agent', looked: oneLine(socket) };
  try {
    const keys = (await listAgentKeyTypes(socket)).length;
    const finding: Finding =
      keys === 0
        ? {
            ...about,
            verdict: 'warning',
            says: 'the agent answers and holds no key; it is what plans without target.identity log in with',
            mend: 'ssh-add',
          }
        : { ...about, verdict: 'ok', says: `the agent answers and holds ${count(keys, 'key')}` };
    return { finding, keys };
  } catch (error) {
    const says = `the agent does not answer (${reason(error)}); it is what plans without target.identity log in with`;
    return { finding: { ...about, verdict: 'problem', says, mend: 'eval "$(ssh-agent)"; ssh-add' }, keys: 0 };
  }
}

/** A missing file matters only if all are missing. */
function inspectKnownHosts(paths: readonly string[]): Finding[] {
  const texts = paths.map((path) => ({ path, read: textOrError(path) }));
  const others = texts.some(({ read }) => typeof read === 'string');
  return texts.map(({ path, read }) =>
    typeof read === 'string' ? judgeKnownHosts(path, read) : judgeUnread(path, read.error, others),
  );
}

function textOrError(path: string): string | { readonly error: unknown } {
  try {
    return readKnownHosts(path);
  } catch (error) {
    return { error };
  }
}

function judgeUnread(path: string, error: unknown, others: boolean): Finding {
  const about = { id: 'known-hosts', looked: oneLine(path) };
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
    const says = `cannot be read (${reason(error)}), so no host is trusted`;
    return { ...about, verdict: 'problem', says, mend: `chmod u+r ${quote(path)}` };
  }
  if (others) return { ...about, verdict: 'ok', says: 'is not there; another is' };
  const says = 'is not there: no host is known, unless the plan pins its key or says accept-new';
  return { ...about, verdict: 'warning', says, mend: `ssh-keyscan -H HOST >> ${quote(path)}` };
}

export function judgeKnownHosts(path: string, text: string): Finding {
  const about = { id: 'known-hosts', looked: oneLine(path) };
  const known = parseKnownHosts(text).length;
  const malformed = malformedLines(text);
  if (malformed.length === 0)
    return { ...about, verdict: 'ok', says: `${count(known, 'line')}, all readable` };
  const named = malformed.slice(0, MAX_LINES_NAMED).join(', ');
  const more = malformed.length > MAX_LINES_NAMED ? ` and ${malformed.length - MAX_LINES_NAMED} more` : '';
  return {
    ...about,
    verdict: 'warning',
    says: `${count(known, 'line')} readable; passed over as malformed: line ${named}${more}`,
    mend: `sed -n ${quote(`${malformed[0]}p`)} ${quote(path)}`,
  };
}

async function inspectDir(
  id: string,
  dir: string | undefined,
  setting: string,
  use: string,
): Promise<Finding> {
  if (dir === undefined)
    return { id, looked: setting, verdict: 'ok', says: `not set: no plan can use ${use}` };
  const about = { id, looked: `${oneLine(dir)} (${setting})` };
  try {
    const names = await readdir(dir);
    const { mode } = await stat(dir);
    const says = count(names.length, 'entry', 'entries');
    if (id !== 'secrets' || (mode & 0o007) === 0) return { ...about, verdict: 'ok', says };
    return {
      ...about,
      verdict: 'warning',
      says: `${says}; everybody on the machine may look into it`,
      mend: `chmod o-rwx ${quote(dir)}`,
    };
  } catch (error) {
    const says = `cannot be read by ${userInfo().username} (${reason(error)}): no plan can use ${use}`;
    return { ...about, verdict: 'problem', says, mend: `mkdir -p -m 700 ${quote(dir)}` };
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? oneLine(message);
}
