import { run } from './run.ts';
import type { Engine } from './types.ts';

/** What the choice of an engine depends on. */
export interface MachineFacts {
  readonly dockerAnswers: boolean;
  readonly platform: NodeJS.Platform;
  readonly uid: number;
}

const DOCKER_TIMEOUT_MS = 3000;

/**
 * Docker where an engine answers, else namespaces for root on Linux.
 *
 * @throws Error that says what to do when neither is possible.
 */
export function chooseEngine(facts: MachineFacts): Engine {
  if (facts.dockerAnswers) return 'docker';
  if (facts.platform === 'linux' && facts.uid === 0) return 'namespace';
  throw new Error(
    facts.platform === 'linux'
      ? 'no Docker engine answers and this is not root: start Docker (`docker info` must answer), or run the same command with sudo'
      : 'no Docker engine answers: start Docker (`docker info` must answer), then run the same command again',
  );
}

/** Asks the machine. */
export async function machineFacts(): Promise<MachineFacts> {
  const info = await run(['docker', 'info', '--format', '{{.ServerVersion}}'], {
    timeoutMs: DOCKER_TIMEOUT_MS,
  });
  return {
    // The client alone exits with 0 in some versions, with an empty version.
    dockerAnswers: info.code === 0 && /^\d/.test(info.stdout.trim()),
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
  };
}
