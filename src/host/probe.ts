import { boundedText } from '../domain/bounded-text.ts';
import { plainText } from '../domain/terminal.ts';
import { sh } from '../shell/index.ts';
import { ChandlerError } from '../domain/failure.ts';
import type { Executor } from '../ssh/executor.ts';
import {
  classify,
  decodeText,
  isUsablePath,
  pick,
  readCount,
  readOutcome,
  readPath,
  type Answer,
} from './answers.ts';
import type { HostFacts } from './facts.ts';
import type { Programs } from './programs.ts';

/** Tools without which nothing works, and the Debian packages that hold them. */
const NEEDED: Readonly<Record<string, string>> = {
  flock: 'util-linux',
  setsid: 'util-linux',
  sha256sum: 'coreutils',
  base64: 'coreutils',
  mktemp: 'coreutils',
  timeout: 'coreutils',
  awk: 'mawk',
};
const USEFUL = ['bash', 'script', 'tmux', 'curl', 'wget', 'tar'];
/** Every activity is told the facts, so they must stay short. Characters. */
const MAX_FACT_LENGTH = 200;
const MAX_VERSION_LENGTH = 4096;

/**
 * Asks a host what it is and makes its state directory. `missingPrograms` tells that the host program must be installed.
 *
 * @throws ChandlerError host-unsupported, disk-full, state-directory-unwritable, connection-lost
 */
export async function probeHost(
  executor: Executor,
  programs: Programs,
  options: { stateDir?: string; signal?: AbortSignal } = {},
): Promise<{ facts: HostFacts; missingPrograms: boolean }> {
  const names = [programs.host.name, programs.supervise.name];
  const outcome = await executor.exec(sh('sh', '-s', '--', options.stateDir ?? '', ...names), {
    stdin: programs.probe,
    ...(options.signal && { signal: options.signal }),
  });
  const answers = readOutcome(outcome, 'probe');
  const facts = readFacts(answers, 'probe');
  requireTools(facts.tools);
  const writable = pick(answers, 'writable', 'probe');
  if (writable['writable'] !== 'yes') {
    const said = decodeText(writable['text']);
    const code = classify(said);
    throw new ChandlerError(
      code === 'host-unsupported' ? 'state-directory-unwritable' : code,
      `probe: ${said}`,
    );
  }
  return { facts, missingPrograms: answers.some((answer) => answer['present'] === 'no') };
}

/** What a host lacks of the tools that nothing works without, and the Debian packages that hold it. */
export function missingTools(there: readonly string[]): { tools: string[]; packages: string[] } {
  const missing = Object.entries(NEEDED).filter(([tool]) => !there.includes(tool));
  return {
    tools: missing.map(([tool]) => tool),
    packages: [...new Set(missing.map(([, name]) => name))],
  };
}

/** @throws ChandlerError host-unsupported, naming every tool that is missing and how to get it */
function requireTools(there: readonly string[]): void {
  const { tools, packages } = missingTools(there);
  if (tools.length === 0) return;
  const names = packages.join(' ');
  throw new ChandlerError('host-unsupported', `the host has no ${tools.join(', ')}`, {
    facts: {
      advice: `Install ${names} on the host (for example apt-get install ${names}), then start the run again.`,
    },
  });
}

/** Reads what facts.sh says. @throws ChandlerError connection-lost or host-unsupported for what cannot be */
export function readFacts(answers: readonly Answer[], what: string): HostFacts {
  const find = (key: string) => pick(answers, key, what);
  const zmx = answers.findLast((answer) => answer['zmx_version'] !== undefined);
  const zmxPath = decodeText(zmx?.['zmx']);
  return {
    arch: fact(find('arch')['arch']),
    os: fact(decodeText(find('os')['os'])),
    uid: readCount(find('uid'), 'uid'),
    bootId: fact(find('boot')['boot']),
    stateDir: readPath(find('state_dir'), 'state_dir'),
    zmxDir: readPath(find('zmx_dir'), 'zmx_dir'),
    tools: [...Object.keys(NEEDED), ...USEFUL].filter((tool) =>
      answers.some((answer) => answer[`has_${tool}`] === 'yes'),
    ),
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
