// Checks every shell program with shellcheck, and with `dash -n` unless it is for bash. Programs made of parts are checked
// assembled, and the self-provisioning program as part of a generated script.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostParts, loadPrograms } from '../src/host/programs.ts';
import { script } from '../src/library/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const parts = [
  ...[...hostParts, 'facts', 'probe', 'leftovers', 'inspect'].map((part) => `src/host/programs/${part}.sh`),
  ...['prepare', 'run-parts', 'end-parts', 'main'].map((part) => `src/self-provision/programs/${part}.sh`),
].map((path) => join(root, path));
const dir = mkdtempSync(join(tmpdir(), 'chandler-shell-'));
const { host, probe, inspect } = loadPrograms();
const assembled = Object.entries({ host: host.text, probe, inspect }).map(([name, text]) => {
  const file = join(dir, `${name}.sh`);
  writeFileSync(file, text);
  return file;
});
const generated = join(dir, 'provision.sh');
writeFileSync(generated, script([{ name: 'a', script: 'true', check: 'true', finalize: 'true' }]));
const files = ['src', 'deploy', 'chaos', 'bench', 'test']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(root, folder, file),
    ),
  )
  .filter((file) => /\.(ba)?sh$/.test(file) && !parts.includes(file));

let failed = false;
for (const [command, ...args] of [
  ['zsh', '-n', join(root, 'src/cli/completion/chandler.zsh')],
  ['fish', '--no-execute', join(root, 'src/cli/completion/chandler.fish')],
] as const) {
  run(command, args);
}
for (const file of [...files, ...assembled, generated]) {
  const bash = /^(#!.*\bbash|# shellcheck shell=bash)/.test(readFileSync(file, 'utf8'));
  for (const [command, ...args] of [
    ['shellcheck', '-s', bash ? 'bash' : 'sh', file],
    [bash ? 'bash' : 'dash', '-n', file],
  ] as const) {
    run(command, args);
  }
}
rmSync(dir, { recursive: true });

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error) console.error(`${command}: ${error.message}`);
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
