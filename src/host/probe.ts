import { boundedText } from '../domain/text/bounded-text.ts';
import { plainText } from '../domain/text/plain-text.ts';
import { sh } from '../shell/index.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import { ask } from '../ssh/call.ts';
import { codeOfText } from '../ssh/code-of-text.ts';
import type { Executor } from '../ssh/executor.ts';
import type { Answer } from '../ssh/frames.ts';
import { decodeText, isUsablePath, requireAnswer, readCount, readPath } from './read-answer.ts';
import type { HostFacts } from './host-facts.ts';
import type { Programs } from './programs.ts';

/** The required tools, by Debian package. */
const PACKAGES: Readonly<Record<string, string>> = {
  coreutils:
    'base64 basename cat chmod cut date dd df dirname env head id ln mkdir mkfifo mktemp mv readlink rm rmdir sha256sum sleep sort stat stty tail tee timeout touch tr uname uniq wc',
  findutils: 'find xargs',
  grep: 'grep',
  mawk: 'awk',
  sed: 'sed',
  'util-linux': 'flock setsid',
};
const USEFUL = ['bash', 'script', 'tmux', 'curl', 'wget', 'tar'];
const NEEDED: ReadonlyMap<string, string> = new Map(
  Object.entries(PACKAGES).flatMap(([name, tools]) => tools.split(' ').map((tool) => [tool, name])),
);
/** In characters. Facts are part of every activity's input. */
const MAX_FACT_LENGTH = 200;
const MAX_VERSION_LENGTH = 4096;

/**
 * Reads the facts of a host and makes its state directory. `missingPrograms`: the host programs must be installed.
 *
 * @throws ChandlerError host-unsupported, disk-full, state-directory-unwritable, connection-lost
 */
export async function probeHost(
  executor: Executor,
  programs: Programs,
  options: { stateDir?: string; signal?: AbortSignal } = {},
): Promise<{ facts: HostFacts; missingPrograms: boolean }> {
  const { needed, useful } = askedTools;
  const words = [
    options.stateDir ?? '',
    'probe',
    needed,
    useful,
    programs.host.name,
    programs.supervise.name,
  ];
  const answers = await ask(executor, 'probe', (token) => sh('sh', '-s', '--', token, ...words), {
    stdin: programs.probe,
    isShortUntil: 'end',
    signal: options.signal,
  });
  requireTools(answers, 'probe');
  const facts = readFacts(answers, 'probe');
  const writable = requireAnswer(answers, 'writable', 'probe');
  if (writable['writable'] !== 'yes') {
    const text = decodeText(writable['text']);
    throw new ChandlerError(codeOfText(text) ?? 'state-directory-unwritable', `probe: ${text}`);
  }
  return { facts, missingPrograms: answers.some((answer) => answer['present'] === 'no') };
}

/** The required and the optional tools that the programs search for on a host. */
export const askedTools = { needed: [...NEEDED.keys()].join(' '), useful: USEFUL.join(' ') };

/** The needed tools that a host lacks, and the Debian packages that contain them. */
export function missingTools(
  answers: readonly Answer[],
  what: string,
): { tools: string[]; packages: string[] } {
  const there = readTools(answers, what);
  const missing = [...NEEDED].filter(([tool]) => !there.has(tool));
  return {
    tools: missing.map(([tool]) => tool),
    packages: [...new Set(missing.map(([, name]) => name))],
  };
}

/** @throws ChandlerError host-unsupported, naming every tool that is missing and how to get it */
export function requireTools(answers: readonly Answer[], what: string): void {
  const { tools, packages } = missingTools(answers, what);
  if (tools.length === 0) return;
  const path = answers.findLast((answer) => answer['path'] !== undefined)?.['path'] ?? '';
  // With the usual PATH, packages are missing; with another one, the PATH of the login may hide the tools.
  const isUsual = ['/usr/bin', '/bin'].every((dir) => path.split(':').includes(dir));
  const names = packages.join(' ');
  const advice = isUsual
    ? `Install ${names} on the host (for example apt-get install ${names}).`
    : `Add /usr/bin and /bin to the login's PATH (${path}): see the startup file of its shell, or secure_path in sudoers.`;
  throw new ChandlerError('host-unsupported', `the host has no ${tools.join(', ')} on its PATH`, {
    facts: { advice },
  });
}

function readTools(answers: readonly Answer[], what: string): ReadonlySet<string> {
  return new Set(requireAnswer(answers, 'tools', what)['tools']?.split(','));
}

/** Reads the answers of facts.sh. @throws ChandlerError connection-lost or host-unsupported for invalid ones */
export function readFacts(answers: readonly Answer[], what: string): HostFacts {
  const find = (key: string) => requireAnswer(answers, key, what);
  const zmx = answers.findLast((answer) => answer['zmx_version'] !== undefined);
  const zmxPath = decodeText(zmx?.['zmx']);
  return {
    arch: fact(find('arch')['arch']),
    os: fact(decodeText(find('os')['os'])),
    uid: readCount(find('uid'), 'uid'),
    bootId: fact(find('boot')['boot']),
    stateDir: readPath(find('state_dir'), 'state_dir'),
    zmxDir: readPath(find('zmx_dir'), 'zmx_dir'),
    tools: USEFUL.filter((tool) => readTools(answers, what).has(tool)),
    ...(zmx &&
      isUsablePath(zmxPath) && {
        zmx: {
          path: zmxPath,
          versionText: boundedText(decodeText(zmx['zmx_version']), MAX_VERSION_LENGTH),
        },
      }),
  };
}

function fact(text: string | undefined): string {
  return plainText(boundedText(text ?? '', MAX_FACT_LENGTH));
}
