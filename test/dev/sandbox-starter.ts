// Starts hosts and then kills itself, like a CLI that crashes.
// Arguments: the folder, and when to die: `ready` (hosts are up) or `noted` (only the pid of a host's process is known).
import { startNamespace } from '../../src/dev/sandbox/namespace.ts';
import { claimName } from '../../src/dev/sandbox/state.ts';
import { sandboxUp } from '../../src/dev/sandbox/index.ts';

const [dir = '', when] = process.argv.slice(2);
const die = (): Promise<void> => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
};

if (when === 'noted') {
  const name = await claimName(dir);
  const folder = `${dir}/${name}`;
  await startNamespace({
    folder,
    name,
    diskMiB: 64,
    note: ({ pid }) => {
      process.stdout.write(`${pid}\n`);
      return die();
    },
  });
}
await sandboxUp({ dir, count: 2, announce: () => undefined });
await die();
