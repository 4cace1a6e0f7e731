import { run } from './run-program.ts';
import type { SandboxBackend } from './sandbox-host.ts';

export interface MachineFacts {
  readonly dockerAnswers: boolean;
  readonly platform: NodeJS.Platform;
  readonly uid: number;
}

const DOCKER_TIMEOUT_MS = 3000;

/** Docker if it answers, otherwise namespaces for root on Linux. @throws Error with what to install or do */
export function chooseBackend(facts: MachineFacts): SandboxBackend {
  if (facts.dockerAnswers) return 'docker';
  if (facts.platform === 'linux' && facts.uid === 0) return 'namespace';
  throw new Error(
    facts.platform === 'linux'
      ? 'no Docker engine answers and this is not root: start Docker (`docker info` must answer), or run the same command with sudo'
      : 'no Docker engine answers: start Docker (`docker info` must answer), then run the same command again',
  );
}

export async function machineFacts(): Promise<MachineFacts> {
  const argv = ['docker', 'info', '--format', '{{.ServerVersion}}'];
  const info = await run(argv, { timeoutMs: DOCKER_TIMEOUT_MS });
  return {
    // Without a daemon some versions of the client exit with 0 and print an empty version.
    dockerAnswers: info.code === 0 && /^\d/.test(info.stdout.trim()),
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
  };
}
