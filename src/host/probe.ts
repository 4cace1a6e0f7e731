import { sh } from '../shell/index.ts';
import { ChandlerError } from '../domain/failure.ts';
import type { Executor } from '../ssh/executor.ts';
import { classify, decodeText, parseAnswers, pick, readAnswers } from './answers.ts';
import type { HostFacts } from './facts.ts';
import { requireTools } from './host.ts';
import type { Programs } from './programs.ts';

/** Tools without which nothing works, and the Debian packages that hold them. */
const NEEDED = {
  bash: 'bash',
  flock: 'util-linux',
  setsid: 'util-linux',
  sha256sum: 'coreutils',
  base64: 'coreutils',
  mktemp: 'coreutils',
  timeout: 'coreutils',
  awk: 'mawk',
} as const;

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
  const value = (key: string) => pick(answers, key, 'probe')[key] ?? '';
  const tools = answers.flatMap((answer) =>
    Object.entries(answer).flatMap(([key, has]) =>
      key.startsWith('has_') && has === 'yes' ? [key.slice(4)] : [],
    ),
  );
  requireTools(tools, NEEDED);
  const writable = pick(answers, 'writable', 'probe');
  if (writable['writable'] !== 'yes') {
    const said = decodeText(writable['text']);
    const code = classify(said);
    throw new ChandlerError(
      code === 'host-unsupported' ? 'state-directory-unwritable' : code,
      `probe: ${said}`,
    );
  }
  const zmx = answers.find((answer) => answer['zmx'] !== undefined);
  const facts: HostFacts = {
    arch: value('arch'),
    os: decodeText(value('os')),
    uid: Number(value('uid')),
    bootId: value('boot'),
    stateDir: decodeText(value('state_dir')),
    zmxDir: decodeText(value('zmx_dir')),
    tools,
    ...(zmx && { zmx: { path: decodeText(zmx['zmx']), versionText: decodeText(zmx['zmx_version']) } }),
  };
  return { facts, missingPrograms: answers.some((answer) => answer['present'] === 'no') };
}
