// Chandler beside other tools: the same work on the same hosts, one tool after another in each round.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { messageOf } from '../src/domain/run/failure.ts';
import { layOut, peerEnv, peers, type Peer } from './peers.ts';
import type { Panel } from './plot.ts';
import { ownCpuMs, type BenchHost, type Stand } from './stand.ts';
import { formatMs, formatS, median, renderTable } from './table.ts';
import { whyWrong, workPlan } from './work.ts';

/** A tool that takes longer is measured once. */
const LONG_MS = 20_000;
/** Hosts of the rounds that only warm up. */
const WARM_UP_HOSTS = 5;
const OWN = 'Chandler';
const WORKLOADS = [
  { sleepS: 0, title: 'Steps without pauses', text: 'three steps without pauses' },
  { sleepS: 1, title: 'Steps of one second', text: 'three steps of one second' },
] as const;

/** Times are those of all hosts together. */
interface Cost {
  readonly wallMs: number;
  readonly controllerMs: number;
  readonly hostsMs: number;
}

interface Tool {
  readonly name: string;
  readonly about: string;
  /** Why it could not be installed, or failed in a round; it is not run again. */
  failure?: string;
  readonly run: (hosts: readonly BenchHost[], sleepS: number) => Promise<Omit<Cost, 'hostsMs'>>;
}

interface Column {
  readonly name: string;
  readonly count: number;
  readonly medianOf: (tool: Tool, key: keyof Cost) => number;
}

interface CompareOptions {
  readonly hosts: readonly number[];
  readonly rounds: number;
  readonly announce: (line: string) => void;
}

/** The comparison as Markdown, and the panels of its plot. */
export async function compare(
  stand: Stand,
  options: CompareOptions,
): Promise<{ readonly text: string; readonly panels: readonly Panel[] }> {
  const tools: Tool[] = [chandlerTool(stand)];
  for (const peer of peers) tools.push(await peerTool(stand, peer, options.announce));
  await playRound(stand, tools, stand.hosts.slice(0, WARM_UP_HOSTS), 0, () => undefined);
  const panels: Panel[] = [];
  const tables: string[] = [];
  for (const { sleepS, title, text } of WORKLOADS) {
    const columns: Column[] = [];
    for (const count of options.hosts) {
      const name = hostText(count);
      const costs = new Map<Tool, Cost[]>(tools.map((tool) => [tool, []]));
      for (let round = 1; round <= options.rounds; round += 1) {
        const due = tools.filter((tool) => !costs.get(tool)?.some(({ wallMs }) => wallMs > LONG_MS));
        await playRound(stand, due, stand.hosts.slice(0, count), sleepS, (tool, cost) => {
          options.announce(`${name}, ${text}, round ${round}: ${tool.name} ${formatS(cost.wallMs)}`);
          costs.get(tool)?.push(cost);
        });
      }
      const medianOf = (tool: Tool, key: keyof Cost) => median((costs.get(tool) ?? []).map((it) => it[key]));
      columns.push({ name, count, medianOf });
      const bars = tools.map((tool) => ({ label: tool.name, ms: medianOf(tool, 'wallMs') }));
      panels.push({ title: `${name}, ${text}`, bars });
    }
    tables.push(`### ${title}`, renderColumns(tools, columns));
  }
  const about = tools.map(({ name, about, failure }) => {
    return `- **${name}**: ${about}${failure === undefined ? '' : `. Failed: ${failure}`}`;
  });
  const method = `Three steps, a finalizer after them, and a sentinel that is read back, on hosts as if new and without open connections. Rounds: ${options.rounds}, each with one tool after the other, but a tool that takes more than ${formatS(LONG_MS)} is measured once. Figures are medians; the results of every run were checked on the host.`;
  return { text: [method, about.join('\n'), ...tables].join('\n\n'), panels };
}

/** Each tool does the work once, on hosts as if new, and its results are checked. */
async function playRound(
  stand: Stand,
  tools: readonly Tool[],
  hosts: readonly BenchHost[],
  sleepS: number,
  onCost: (tool: Tool, cost: Cost) => void,
): Promise<void> {
  for (const tool of tools) {
    if (tool.failure !== undefined) continue;
    await Promise.all(hosts.map((host) => host.reset({ wipe: true })));
    await stand.settle();
    const before = hosts.map(({ cgroup }) => cgroup.cpuMs());
    try {
      const cost = await tool.run(hosts, sleepS);
      const hostsMs = hosts.reduce((sum, { cgroup }, i) => sum + cgroup.cpuMs() - (before[i] ?? NaN), 0);
      for (const host of hosts) {
        const wrong = whyWrong(host.read);
        if (wrong !== undefined) throw new Error(`${host.sandbox.name}: ${wrong}`);
      }
      onCost(tool, { ...cost, hostsMs });
    } catch (error) {
      // Without its own figures the bench would be pointless.
      if (tool.name === OWN) throw error;
      tool.failure = messageOf(error);
    }
  }
}

function chandlerTool(stand: Stand): Tool {
  const controllerMs = () => stand.server.cpuMs() + stand.worker.cpuMs() + ownCpuMs();
  return {
    name: OWN,
    about:
      'runs started and awaited by the client library, all at once; CPU of server, worker and client; steps side by side, each in its own terminal session',
    async run(hosts, sleepS) {
      const [before, begin] = [controllerMs(), performance.now()];
      await Promise.all(hosts.map(({ target }) => stand.provision(workPlan(target, { sleepS }))));
      return { wallMs: performance.now() - begin, controllerMs: controllerMs() - before };
    },
  };
}

async function peerTool(stand: Stand, peer: Peer, announce: (line: string) => void): Promise<Tool> {
  const dir = join(stand.dir, 'peer');
  const tool: Tool = {
    name: peer.name,
    about: peer.about,
    async run(hosts, sleepS) {
      await layOut(
        dir,
        hosts.map(({ sandbox }) => sandbox),
        sleepS,
      );
      const group = stand.controller;
      const [before, begin] = [group.cpuMs(), performance.now()];
      const [file = '', ...args] = group.wrap(peer.argv(dir));
      const child = spawn(file, args, {
        cwd: dir,
        detached: true,
        env: peerEnv(dir),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const [code] = (await once(child, 'exit')) as [number | null];
      const cost = { wallMs: performance.now() - begin, controllerMs: group.cpuMs() - before };
      // Some keep connections open in the background.
      await group.end();
      if (code !== 0) throw new Error(`exit ${code}: ${output.trim().split('\n').slice(-3).join(' | ')}`);
      return cost;
    },
  };
  try {
    announce(`preparing ${peer.name}`);
    return { ...tool, about: `${await peer.install()}: ${peer.about}` };
  } catch (error) {
    return { ...tool, failure: messageOf(error) };
  }
}

function renderColumns(tools: readonly Tool[], columns: readonly Column[]): string {
  const floor = tools.find(({ name }) => name === peers[0]?.name);
  const head = ['', ...columns.map(({ name }) => name)];
  const rows = (cell: (tool: Tool, column: Column) => string) =>
    tools.map((tool) => [tool.name, ...columns.map((column) => cell(tool, column))]);
  return [
    'Wall clock until all hosts are done, and how many times that of one `ssh` script:',
    renderTable(
      head,
      rows((tool, { medianOf }) => {
        const ratio = floor ? medianOf(tool, 'wallMs') / medianOf(floor, 'wallMs') : NaN;
        const text = formatS(medianOf(tool, 'wallMs'));
        return Number.isFinite(ratio) ? `${text} (${ratio.toFixed(1)} ×)` : text;
      }),
    ),
    'CPU time per host: of the controller + of the host, with its sshd:',
    renderTable(
      head,
      rows((tool, { count, medianOf }) => {
        const [controller, host] = [medianOf(tool, 'controllerMs'), medianOf(tool, 'hostsMs')];
        return `${formatMs(controller / count)} + ${formatMs(host / count)}`;
      }),
    ),
  ].join('\n\n');
}

function hostText(count: number): string {
  return count === 1 ? '1 host' : `${count} hosts`;
}
