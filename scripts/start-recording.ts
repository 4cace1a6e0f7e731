import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TmuxTerminal } from '../test/support/tmux.ts';

export interface RecordingOptions {
  /** The asciicast to write. */
  readonly file: string;
  readonly title: string;
  readonly columns: number;
  readonly rows: number;
}

/** Records a terminal as an asciicast (https://docs.asciinema.org/manual/asciicast/v2/). */
export async function startRecording(
  terminal: TmuxTerminal,
  { file, title, columns, rows }: RecordingOptions,
) {
  const dir = mkdtempSync(join(tmpdir(), 'chandler-recording-'));
  const fifo = join(dir, 'output');
  execFileSync('mkfifo', [fifo]);
  const head = { version: 2, width: columns, height: rows, title, env: { TERM: 'xterm-256color' } };
  const lines = [JSON.stringify(head)];
  const stream = createReadStream(fifo, { encoding: 'utf8' });
  const beganMs = performance.now();
  const note = (kind: 'o' | 'm', data: string | Buffer) => {
    lines.push(
      JSON.stringify([Number(((performance.now() - beganMs) / 1000).toFixed(6)), kind, String(data)]),
    );
  };
  stream.on('data', (chunk) => note('o', chunk));
  const end = once(stream, 'end');
  await terminal.pipeTo(`cat > ${fifo}`);
  note('o', '\u001b[2J\u001b[H$ ');
  return {
    mark: (key: string) => note('m', key),
    async stop() {
      // Without a command the pipe is closed.
      await terminal.pipeTo('');
      await end;
      writeFileSync(file, `${lines.join('\n')}\n`);
      rmSync(dir, { recursive: true });
    },
  };
}
