// What the work costs a host without Chandler's records, checks and answers: one login, nine execs, and a terminal for each step.
import { readFileSync } from 'node:fs';
import { createSshPool } from '../src/index.ts';
import { sh } from '../src/shell/index.ts';
import type { BenchHost } from './stand.ts';
import { finalizer, RESULTS, sentinelScript, stepScript, STEPS } from './work.ts';

const ZMX = 'ZMX_DIR=/run/chandler/zmx; export ZMX_DIR; zmx=$(echo /var/lib/chandler/zmx/*/zmx)';

/** Works on a host where an earlier run has left its zmx. @throws Error if a command fails */
export async function bareWork({ sandbox }: BenchHost): Promise<void> {
  const pool = createSshPool({ execsPerConnection: 10 });
  const executor = pool.executor({
    host: sandbox.host,
    port: sandbox.port,
    user: 'root',
    auth: { kind: 'key', privateKey: readFileSync(sandbox.identity, 'utf8'), source: 'bench' },
    hostKey: { kind: 'known-hosts', files: [sandbox.knownHosts] },
  });
  const exec = async (script: string) => {
    const outcome = await executor.exec(sh('sh', '-c', script));
    if (outcome.kind !== 'exited' || outcome.code !== 0)
      throw new Error(`${script}: ${JSON.stringify(outcome)}`);
  };
  try {
    await exec(`rm -rf ${RESULTS}/*`);
    await Promise.all(
      STEPS.map(async (name) => {
        const typed = `script -q -e -c '${stepScript(name, 0)}' /dev/null`;
        await exec(`${ZMX}; $zmx run bare-${name} -d ${typed}`);
        await exec(`until [ -s ${RESULTS}/${name} ]; do sleep 0.05; done`);
      }),
    );
    await exec(finalizer);
    await exec(`${sentinelScript}; ${ZMX}; for name in ${STEPS.join(' ')}; do $zmx kill bare-$name; done`);
  } finally {
    await pool.close();
  }
}
