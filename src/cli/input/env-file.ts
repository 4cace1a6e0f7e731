/** A variable of an env file, or why a line has none. */
export type EnvEntry = { readonly line: number } & (
  | { readonly name: string; readonly value: string; readonly problem?: never }
  | { readonly problem: string }
);

const ASSIGNMENT = /^\s*(?:export\s+)?([^\s='"`]+)\s*=\s*(.*?)\s*$/;

/**
 * Parses dotenv lines: `NAME=VALUE`, also after `export`; comments begin with `#`. A value in quotes may have several lines.
 * Within double quotes `\n` is a line end. Nothing else is special: nothing is expanded or executed.
 *
 * Accepts what `node --env-file` and the package `dotenv` read in the same way. They skip other lines; this reports them.
 */
export function parseEnvFile(text: string): EnvEntry[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const entries: EnvEntry[] = [];
  for (let next = 0; next < lines.length;) {
    const line = next + 1;
    const first = lines[next++]!;
    if (/^\s*(#|$)/.test(first)) continue;
    const [, name, begin = ''] = ASSIGNMENT.exec(first) ?? [];
    const [quote] = /^['"`]/.exec(begin) ?? [];
    if (name === undefined) entries.push({ line, problem: 'must be NAME=VALUE' });
    else if (quote === undefined) entries.push({ line, ...readPlain(name, begin) });
    else {
      let quoted = first.slice(first.indexOf(quote) + 1);
      while (!quoted.includes(quote) && next < lines.length) quoted += `\n${lines[next++]!}`;
      entries.push({ line, ...readQuoted(name, quoted, quote) });
    }
  }
  return entries;
}

type Read = { readonly name: string; readonly value: string } | { readonly problem: string };

/** Reads a value without quotes. Parsers disagree about a `#` inside of a word. */
function readPlain(name: string, text: string): Read {
  const value = text.replace(/(^|\s+)#.*$/, '');
  return value.includes('#')
    ? { problem: `the value of ${name} must be in quotes, because # may begin a comment` }
    : { name, value };
}

function readQuoted(name: string, text: string, quote: string): Read {
  const end = text.indexOf(quote);
  if (end < 0 || !/^\s*(#|$)/.test(text.slice(end + 1)))
    return { problem: `the value of ${name} must end with the ${quote} that closes it` };
  const value = text.slice(0, end);
  return { name, value: quote === '"' ? value.replaceAll('\\n', '\n') : value };
}
