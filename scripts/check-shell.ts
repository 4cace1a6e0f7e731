// Checks every shell program: shellcheck as POSIX sh, and that dash can read it. The host program is checked assembled.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostParts, loadPrograms } from '../src/host/programs.ts';

const src = fileURLToPath(new URL('../src', import.meta.url));
const parts = hostParts.map((part) => join(src, 'host/programs', `${part}.sh`));
const dir = mkdtempSync(join(tmpdir(), 'chandler-shell-'));
const assembled = join(dir, 'host.sh');
writeFileSync(assembled, loadPrograms().host.text);
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.sh'))
  .map((file) => join(src, file))
  .filter((file) => !parts.includes(file));

let failed = false;
for (const file of [...files, assembled]) {
  for (const [command, ...args] of [
    ['shellcheck', '-s', 'sh', file],
    ['dash', '-n', file],
  ] as const) {
    const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
    if (error) console.error(`${command}: ${error.message}`);
    failed ||= status !== 0;
  }
}
rmSync(dir, { recursive: true });
process.exitCode = failed ? 1 : 0;
