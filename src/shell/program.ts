/**
 * Joins a shell program into one line without comments, because csh accepts no word with a line end. Each statement of the
 * program must end in a semicolon.
 */
export function onOneLine(program: string): string {
  return program
    .replace(/^[ \t]*#.*\n/gm, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ');
}
