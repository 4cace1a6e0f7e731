import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a reader would do with a block of a page. */
export type PageBlock =
  | { readonly file: string; readonly text: string }
  | { readonly commands: readonly { readonly command: string; readonly shows: readonly string[] }[] };

/** A command that a reader has run. */
export interface Followed {
  readonly command: string;
  /** The lines of output that the page promises. */
  readonly shows: readonly string[];
  /** Standard output and standard error. */
  readonly output: string;
  readonly exitCode: number;
}

/**
 * Reads the blocks of a page: a block of type `console` has commands after `$`, each with its output; any other block whose first
 * line is `# NAME` is a file of that name.
 */
export function readBlocks(page: string): PageBlock[] {
  return Array.from(page.matchAll(/^```(\w+)\n(?:# (\S+)\n)?([^]*?)^```$/gm), ([, type, file, text = '']) => {
    if (type !== 'console') return file === undefined ? [] : [{ file, text }];
    const commands = text.split(/^\$ /m).slice(1);
    return [
      {
        commands: commands.map((each) => {
          const [command = '', ...shows] = each.trimEnd().split('\n');
          return { command, shows };
        }),
      },
    ];
  }).flat();
}

/** Makes the built program available as `chandler` in a directory. */
async function installChandler(bin: string): Promise<void> {
  await mkdir(bin, { recursive: true });
  const text = `#!/bin/sh\nexec '${process.execPath}' '${root}dist/cli/main.js' "$@"\n`;
  await writeFile(join(bin, 'chandler'), text, { mode: 0o755 });
}

/**
 * Follows a page from top to bottom in a directory, with the built `chandler`. `replaced` maps words of the page to those
 * of this machine.
 */
export async function followPage(
  name: string,
  dir: string,
  env: Readonly<Record<string, string>>,
  replaced: Readonly<Record<string, string>>,
): Promise<Followed[]> {
  await installChandler(join(dir, 'bin'));
  const page = Object.entries(replaced).reduce(
    (text, [word, by]) => text.replaceAll(new RegExp(`\\b${word}\\b`, 'g'), () => by),
    await readFile(join(root, 'docs', name), 'utf8'),
  );
  const followed: Followed[] = [];
  for (const block of readBlocks(page)) {
    if ('file' in block) await writeFile(join(dir, block.file), block.text);
    else {
      const path = `${join(dir, 'bin')}:${process.env['PATH']}`;
      const ends = await runInOneShell(
        block.commands.map(({ command }) => command),
        dir,
        { PATH: path, HOME: dir, ...env },
      );
      followed.push(...block.commands.map((each, i) => ({ ...each, output: '', exitCode: -1, ...ends[i] })));
    }
  }
  return followed;
}

const END = '<end of command>';

/** Runs commands one after another, so that `$?` is that of the one before. */
async function runInOneShell(
  commands: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ output: string; exitCode: number }[]> {
  const reported = commands.map((each) => `${each}\nend=$?; echo "${END}$end"; (exit $end)`);
  const shell = spawn('sh', ['-c', ['exec 2>&1', ...reported].join('\n')], { cwd, env, timeout: 250_000 });
  let output = '';
  shell.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(shell, 'close');
  return Array.from(output.matchAll(new RegExp(`([^]*?)${END}(\\d+)\n`, 'g')), ([, text = '', code]) => ({
    output: text,
    exitCode: Number(code),
  }));
}
