import { boundedText } from '../domain/bounded-text.ts';
import { plainText } from '../domain/terminal.ts';
import { sh } from '../shell/index.ts';
import { ChandlerError } from '../domain/failure.ts';
import type { Executor } from '../ssh/executor.ts';
import {
  classify,
  decodeText,
  isUsablePath,
  parseAnswers,
  pick,
  readAnswers,
  readCount,
  readPath,
  type Answer,
} from './answers.ts';
import type { HostFacts } from './facts.ts';
import { requireTools } from './host.ts';
import type { Programs } from './programs.ts';

/** Tools without which nothing works, and the Debian packages that hold them. */
export const neededTools = {
  flock: 'util-linux',
  setsid: 'util-linux',
  sha256sum: 'coreutils',
  base64: 'coreutils',
  mktemp: 'coreutils',
  timeout: 'coreutils',
  awk: 'mawk',
} as const;
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
  const answers = readAnswers(
    outcome,
    'probe',
    outcome.kind === 'exited' ? parseAnswers(outcome.stdout) : [],
  );
  const facts = readFacts(answers, 'probe');
  requireTools(facts.tools, neededTools);
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
    tools: [...Object.keys(neededTools), ...USEFUL].filter((tool) =>
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
