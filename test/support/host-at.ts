import { Host } from '../../src/host/host.ts';
import { loadPrograms, type Programs } from '../../src/host/programs.ts';
import type { Executor } from '../../src/ssh/index.ts';

/** The launch protocol over an executor, with its state in `stateDir`. */
export function hostAt(executor: Executor, stateDir: string, programs: Programs = loadPrograms()): Host {
  return new Host({ executor, programs, facts: { stateDir, zmxDir: `${stateDir}/zmx-sockets` } });
}
