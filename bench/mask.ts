// `npm run bench:mask`: the cost of masking on a host and on a worker, in MB of output per second of CPU time.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finderOf } from '../src/domain/secrets/mask.ts';
import { maskProgram } from '../src/host/launch-body.ts';

const LINE = 'Get:1 http://deb.debian.org/debian bookworm/main amd64 libfoo-dev amd64 1.2.3-4 [1,234 kB]\r\n';
const text = LINE.repeat(Math.ceil(8e6 / LINE.length));
const dir = mkdtempSync(join(tmpdir(), 'chandler-bench-'));
const program = join(dir, 'mask.awk');
const rate = (bytes: number, cpuMs: number) => (bytes / 1e3 / cpuMs).toFixed(1);

for (const count of [1, 10, 50]) {
  const values = Array.from({ length: count }, () => `${randomBytes(16).toString('base64')}!`);
  writeFileSync(program, maskProgram(values));
  for (const awk of ['mawk -W interactive', 'gawk', 'busybox awk']) {
    const [command = '', ...args] = awk.split(' ');
    const before = childCpuMs();
    const { error } = spawnSync(command, [...args, '-f', program], {
      input: text,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    const result = error ? 'not installed' : `${rate(text.length, childCpuMs() - before)} MB/s`;
    console.log(`${count} secrets, on the host with ${awk}: ${result}`);
  }
  const finder = finderOf(values);
  const page = text.slice(0, 1e6);
  const before = process.cpuUsage();
  finder.find(page, 4);
  const { user, system } = process.cpuUsage(before);
  console.log(`${count} secrets, on the worker: ${rate(page.length, (user + system) / 1000)} MB/s`);
}
rmSync(dir, { recursive: true });

/** CPU time of all ended children. */
function childCpuMs(): number {
  const [, rest = ''] =
    /\) (.*)/.exec(spawnSync('cat', [`/proc/${process.pid}/stat`]).stdout.toString()) ?? [];
  const fields = rest.split(' ').map(Number);
  return ((fields[13] ?? 0) + (fields[14] ?? 0)) * 10;
}
