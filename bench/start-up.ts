// The CPU time that each command of the CLI takes, over that of an empty Node program.
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../src/dev/sandbox/run-program.ts';
import type { Stand } from './stand.ts';
import { formatMs, median, renderTable } from './table.ts';
import { workPlan } from './work.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'dist/cli/main.js');
const LEAST_ROUNDS = 5;

/** The measures as Markdown. */
export async function startUp(stand: Stand, rounds: number): Promise<string> {
  const times = Math.max(rounds, LEAST_ROUNDS);
  const commands = await makeCommands(stand);
  const measured = commands.map((): number[] => []);
  for (let round = 0; round <= times; round += 1)
    for (const [i, { argv }] of commands.entries()) {
      const ms = await cpuOf(stand, argv);
      // The first round fills the caches of the disk.
      if (round > 0) measured[i]?.push(ms);
    }
  const [emptyMs = NaN] = measured.map(median);
  const rows = commands.map(({ name }, i) => {
    const ms = median(measured[i] ?? []);
    return [name, formatMs(ms), i === 0 ? '' : formatMs(ms - emptyMs)];
  });
  return [
    `CPU time of the process, medians of ${times} after a warm-up. \`up\` is that of a provisioned host. Commands that are not listed need a terminal, wait, or change a run; they load what \`status\` loads.`,
    renderTable(['', 'CPU', 'over `node -e 0`'], rows),
  ].join('\n\n');
}

async function makeCommands(stand: Stand) {
  const [host] = stand.hosts;
  if (!host) throw new Error('no host');
  const plan = workPlan(host.target);
  const file = join(stand.dir, 'plan.json');
  await writeFile(file, JSON.stringify(plan));
  const inventory = join(stand.dir, 'hosts.ini');
  await writeFile(inventory, 'web1 ansible_host=192.0.2.1\n');
  await host.reset({ wipe: true });
  const { workflowId } = await stand.provision(plan);
  const upId = `bench:${randomUUID()}`;
  const node = process.execPath;
  const chandler = (...args: string[]) => ({
    name: `\`chandler ${args.map((arg) => names.get(arg) ?? arg).join(' ')}\``,
    argv: [node, cli, ...args],
  });
  const names = new Map([
    [file, 'PLAN'],
    [inventory, 'HOSTS'],
    [workflowId, 'RUN'],
    [upId, 'ID'],
  ]);
  return [
    { name: '`node -e 0`', argv: [node, '-e', '0'] },
    { name: "`import 'chandler'`", argv: [node, '--input-type=module', '-e', "await import('chandler')"] },
    chandler('--version'),
    chandler('--help'),
    chandler('schema'),
    chandler('completion', 'bash'),
    chandler('validate', file),
    chandler('script', file),
    chandler('init', '-'),
    chandler('hosts', inventory),
    chandler('version'),
    chandler('sandbox', 'list'),
    chandler('status'),
    chandler('status', workflowId),
    chandler('logs', workflowId, 'a'),
    chandler('diff', file),
    chandler('drift', file),
    chandler('schedule', 'list'),
    chandler('fleet', 'status'),
    chandler('up', file, '--id', upId),
  ];
}

async function cpuOf({ controller, address, dir }: Stand, argv: readonly string[]): Promise<number> {
  const before = controller.cpuMs();
  const env = [
    'env',
    '-i',
    `PATH=${process.env['PATH'] ?? ''}`,
    `HOME=${dir}`,
    `TEMPORAL_ADDRESS=${address}`,
  ];
  const { code, stderr } = await run([...controller.wrap([...env, ...argv])]);
  if (code !== 0) throw new Error(`${argv.join(' ')} failed (exit ${code}): ${stderr.trim()}`);
  return controller.cpuMs() - before;
}
