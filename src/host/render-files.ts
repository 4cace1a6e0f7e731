import { quote } from '../shell/index.ts';
import { readPart, withoutDirectives } from './programs.ts';
import { fileVariables, type DeliveredFile } from './placed-files.ts';
import { sha256Of } from './sha256.ts';

/** A script that places files, then replaces itself by `script` and runs that. Without files it is the script itself. */
export function renderPlacement(files: readonly DeliveredFile[], script: string): string {
  if (files.length === 0) return script;
  // What follows the program, which never reads it as shell code: each part ends so many bytes before the end.
  const parts = [script, ...files.map((file) => ('content' in file ? base64(file.content) : ''))];
  const data = parts.map((part) => ({ part, bytes: Buffer.byteLength(part) }));
  // Some ways to transport a text add a missing line end.
  let left = data.reduce((sum, { bytes }) => sum + bytes, 1);
  const places = data.map(({ bytes }) => {
    const fromEnd = left;
    left -= bytes;
    return { fromEnd, bytes };
  });
  const [own, ...contents] = places as [Place, ...Place[]];
  const variables = Object.keys(fileVariables(files));
  return [
    withoutDirectives(readPart('place')),
    `own_script() { tail -c ${own.fromEnd} "$0" | head -c ${own.bytes}; }\n`,
    renderEach(files, (file, i) => sourceWords(file, contents[i]!)),
    'place || exit\n',
    ...(variables.length === 0 ? [] : [`unset ${variables.join(' ')}\n`]),
    START,
    ...parts,
    '\n',
  ].join('');
}

/** A check that also fails unless the files of the step are in place. */
export function renderFilesCheck(files: readonly DeliveredFile[], check: string): string {
  if (files.length === 0) return check;
  const words = renderEach(files, ({ sha256 }) => [sha256]);
  return `( LC_ALL=C\n${readPart('same')}${words}each same ) || exit 1\n${check}`;
}

interface Place {
  readonly fromEnd: number;
  readonly bytes: number;
}

/** As the supervisor runs a script. */
const START = `case $(IFS= read -r line <"$0"; printf %s "$line") in '#!'*) exec "$0" ;; esac
if command -v bash >/dev/null 2>&1; then exec bash "$0"; fi
exec sh "$0"
`;

function renderEach(
  files: readonly DeliveredFile[],
  more: (file: DeliveredFile, i: number) => string[],
): string {
  const calls = files.map((file, i) => {
    const { path, mode, owner = '' } = file;
    const words = [sha256Of(path).slice(0, 20), path, mode, owner, ...more(file, i)];
    return `"$1" ${words.map(quote).join(' ')}\n`;
  });
  return `each() {\n${calls.join('')}}\n`;
}

/** The script stays on the host until the files are placed, so it has no checksum of a secret. */
function sourceWords(file: DeliveredFile, { fromEnd, bytes }: Place): string[] {
  if ('url' in file) return [file.sha256, 'url', file.url];
  if ('variable' in file) return ['', 'secret', file.variable];
  return [file.sha256, 'packed', String(fromEnd), String(bytes)];
}

function base64(content: Uint8Array): string {
  return Buffer.from(content).toString('base64');
}
