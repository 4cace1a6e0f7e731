// `npm run bench:fleet-overhead -- [HOSTS] [ROUNDS]`: what a fleet costs beside as many runs that are started at once, on sandbox hosts.
import { ensureBuilt } from '../test/support/built.ts';
import { openStand } from './stand.ts';
import { median } from './table.ts';
import { whyWrong, workPlan } from './work.ts';

const count = Number(process.argv[2] ?? 50);
const rounds = Number(process.argv[3] ?? 3);

ensureBuilt();
const stand = await openStand(count);
const { client, hosts } = stand;

async function timed(work: () => Promise<unknown>): Promise<number> {
  await Promise.all(hosts.map((host) => host.reset({ wipe: true })));
  const beganMs = performance.now();
  await work();
  const tookMs = performance.now() - beganMs;
  for (const { read } of hosts) {
    const wrong = whyWrong(read);
    if (wrong !== undefined) throw new Error(wrong);
  }
  return tookMs;
}

const singly = () => Promise.all(hosts.map((host) => stand.provision(workPlan(host.target))));

async function asFleet(name: string): Promise<void> {
  const [first] = hosts;
  if (!first) throw new Error('no host');
  const { target: _, ...plan } = workPlan(first.target);
  await client.fleets.start({
    name,
    plan,
    hosts: hosts.map(({ target }, i) => ({ name: `web${i}`, target })),
    concurrency: count,
    slowStart: 0,
  });
  const { outcome } = await client.fleets.result(name);
  if (outcome !== 'provisioned') throw new Error(`the fleet is ${outcome}`);
}

try {
  const times = { singly: [] as number[], fleet: [] as number[] };
  for (let round = 0; round <= rounds; round += 1) {
    const took = { singly: await timed(singly), fleet: await timed(() => asFleet(`overhead-${round}`)) };
    console.log(
      `round ${round}: ${took.singly.toFixed(0)} ms singly, ${took.fleet.toFixed(0)} ms as a fleet`,
    );
    // The first one warms up.
    if (round > 0) for (const kind of ['singly', 'fleet'] as const) times[kind].push(took[kind]);
  }
  console.log(
    `${count} hosts: a fleet takes ${(median(times.fleet) / median(times.singly)).toFixed(2)} × single runs`,
  );
} finally {
  await stand.stop();
}
