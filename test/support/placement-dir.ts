import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeliveredFile } from '../../src/host/placed-files.ts';
import { renderPlacement } from '../../src/host/render-files.ts';
import { sha256Of } from '../../src/host/sha256.ts';

/** A directory in which scripts place files, below `host`. */
export class PlacementDir {
  readonly dir = mkdtempSync(join(tmpdir(), 'place-'));

  at(...path: string[]): string {
    return join(this.dir, 'host', ...path);
  }

  packed(path: string, content: string | Buffer, more: Partial<DeliveredFile> = {}): DeliveredFile {
    return {
      path: this.at(path),
      mode: '0644',
      sha256: sha256Of(content),
      content: Buffer.from(content),
      ...more,
    };
  }

  /** Writes the script of a launch, and returns its path. */
  launch(files: readonly DeliveredFile[], script = 'echo ran'): string {
    const path = join(mkdtempSync(join(this.dir, 'launch-')), 'script');
    writeFileSync(path, renderPlacement(files, script));
    return path;
  }

  /** Runs a launch. `left` is the script that it leaves; paths in the output begin at the root of the host. */
  async run(
    files: readonly DeliveredFile[],
    options: { script?: string; shell?: readonly string[]; env?: Record<string, string> } = {},
  ): Promise<{ code: number; output: string; left: string }> {
    const { script, shell = ['dash'], env = {} } = options;
    const path = this.launch(files, script);
    const [command = '', ...args] = shell;
    const child = spawn(command, [...args, path], { env: { PATH: process.env['PATH'], ...env } });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, output: output.replaceAll(this.at(), ''), left: readFileSync(path, 'utf8') };
  }

  /** The files that are staged and not in place. */
  staged(): string[] {
    const names = readdirSync(this.at(), { recursive: true, encoding: 'utf8' });
    return names.filter((name) => name.includes('.chandler-new'));
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
