import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { userInfo } from 'node:os';
import { count } from '../domain/text/count.ts';
import { verdictsOn, type Finding } from '../domain/run/finding.ts';
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
 * Inspects what a worker with these places can use: keys, agent, known_hosts files, secrets. Clients receive the findings, so
 * they name files but never contain contents.
 */
export async function inspectPlaces(
  places: Places,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Finding[]> {
  const knownHosts = inspectKnownHosts(places.knownHostsFiles);
  const [keys, agent, secrets, files, zmx] = await Promise.all([
    inspectKeys(places.identityDirs, env['CHANDLER_IDENTITIES'] ? 'CHANDLER_IDENTITIES' : undefined),
    inspectAgent(places.agentSocket),
    inspectDir('secrets', places.secretsDir, 'CHANDLER_SECRETS_DIR', 'secrets of the form file:NAME'),
    inspectDir('files', places.filesDir, 'CHANDLER_FILES_DIR', 'files of the form worker:NAME'),
    inspectDir('zmx-dir', places.zmxDir, 'CHANDLER_ZMX_DIR', 'zmx.source: file'),
  ]);
  const noLogin = verdictsOn('login', 'ways to log in').problem(
    'there is no usable key in any directory or agent: this worker cannot log in to any host',
    // Without the operator's keys the worker has those of sandbox hosts.
    places.advice?.['identity-unavailable']
      ? 'chandler sandbox up'
      : `ssh-keygen -t ed25519 -N '' -f ${quote(join(places.identityDirs[0] ?? '.', 'id_ed25519'))}`,
  );
  return [
    inspectNode(process.versions.node),
    ...keys.findings,
    agent.finding,
    ...(keys.usable > 0 || agent.keys > 0 ? [] : [noLogin]),
    ...knownHosts,
    secrets,
    files,
    zmx,
  ];
}

export function inspectNode(version: string): Finding {
  const { node } = readManifest();
  const { ok, problem } = verdictsOn('node', `Node ${version}`);
  return isNodeTooOld(version, node)
    ? problem(`Chandler needs ${node}`)
    : ok(`new enough: Chandler needs ${node}`);
}

/** What plans without target.identity log in with. */
async function inspectAgent(socket: string | undefined): Promise<{ finding: Finding; keys: number }> {
  const { ok, warning, problem } = verdictsOn('agent', socket === undefined ? 'ssh-agent' : oneLine(socket));
  if (socket === undefined) {
    const message =
      'SSH_AUTH_SOCK is not set: plans without target.identity use a key from the identity directories';
    return { finding: ok(message), keys: 0 };
  }
  const use = 'plans without target.identity log in with it';
  try {
    const keys = (await listAgentKeyTypes(socket)).length;
    if (keys === 0)
      return { finding: warning(`the agent answers and holds no key; ${use}`, 'ssh-add'), keys };
    return { finding: ok(`the agent answers and holds ${count(keys, 'key')}`), keys };
  } catch (error) {
    const message = `the agent does not answer (${reason(error)}); ${use}`;
    return { finding: problem(message, 'eval "$(ssh-agent)"; ssh-add'), keys: 0 };
  }
}

/** A missing file matters only if all are missing. */
function inspectKnownHosts(paths: readonly string[]): Finding[] {
  const texts = paths.map((path) => ({ path, read: textOrError(path) }));
  const others = texts.some(({ read }) => typeof read === 'string');
  return texts.map(({ path, read }) =>
    typeof read === 'string' ? knownHostsFinding(path, read) : unreadFinding(path, read.error, others),
  );
}

function textOrError(path: string): string | { readonly error: unknown } {
  try {
    return readKnownHosts(path);
  } catch (error) {
    return { error };
  }
}

function unreadFinding(path: string, error: unknown, others: boolean): Finding {
  const { ok, warning, problem } = verdictsOn('known-hosts', oneLine(path));
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
    return problem(`cannot be read (${reason(error)}), so no host is trusted`, `chmod u+r ${quote(path)}`);
  if (others) return ok('does not exist; another known_hosts file does');
  return warning(
    'does not exist: no host is known, unless the plan pins its key or sets accept-new',
    `ssh-keyscan -H HOST >> ${quote(path)}`,
  );
}

export function knownHostsFinding(path: string, text: string): Finding {
  const { ok, warning } = verdictsOn('known-hosts', oneLine(path));
  const known = count(parseKnownHosts(text).length, 'line');
  const malformed = malformedLines(text);
  if (malformed.length === 0) return ok(`${known}, all readable`);
  const named = malformed.slice(0, MAX_LINES_NAMED).join(', ');
  const more = malformed.length > MAX_LINES_NAMED ? ` and ${malformed.length - MAX_LINES_NAMED} more` : '';
  return warning(
    `${known} readable; skipped as malformed: line ${named}${more}`,
    `sed -n ${quote(`${malformed[0]}p`)} ${quote(path)}`,
  );
}

async function inspectDir(
  id: string,
  dir: string | undefined,
  setting: string,
  use: string,
): Promise<Finding> {
  if (dir === undefined) return verdictsOn(id, setting).ok(`not set: no plan can use ${use}`);
  const { ok, warning, problem } = verdictsOn(id, `${oneLine(dir)} (${setting})`);
  try {
    const message = count((await readdir(dir)).length, 'entry', 'entries');
    const { mode } = await stat(dir);
    if (id !== 'secrets' || (mode & 0o007) === 0) return ok(message);
    return warning(`${message}; every user of the machine may read it`, `chmod o-rwx ${quote(dir)}`);
  } catch (error) {
    const message = `cannot be read by ${userInfo().username} (${reason(error)}): no plan can use ${use}`;
    return problem(message, `mkdir -p -m 700 ${quote(dir)}`);
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? oneLine(message);
}
