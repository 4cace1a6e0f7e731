/** A simple or compound command at the outermost level of a shell script. */
export interface ShellCommand {
  readonly text: string;
  /** Its first line, counted from 1. */
  readonly line: number;
  /** The operator after it. A line end counts as `;`. */
  readonly end: ';' | '&' | '&&' | '||' | '|' | '';
  readonly isCompound: boolean;
}

const OPENING = new Set(['if', 'case', 'for', 'while', 'until', 'select', '{']);
const CLOSING = new Set(['fi', 'esac', 'done', '}']);
/** A command follows each of these. */
const LEADING = new Set(['if', 'then', 'else', 'elif', 'while', 'until', 'do', '{', '!', 'time']);

/**
 * Splits a script for a POSIX shell or bash into its outermost commands. Handles quotes, substitutions, comments, line
 * continuations and here-documents. Returns undefined for a script that it can't parse, such as one with an open quote.
 */
export function shellCommands(script: string): ShellCommand[] | undefined {
  const masked = maskQuoted(script);
  return masked === undefined ? undefined : splitMasked(script, masked);
}

interface Heredoc {
  /** The line that ends it. */
  readonly last: string;
  readonly tabs: boolean;
}

const PIECE =
  /(?<gap>\\\n)|&&|\|\||(?<escaped>\\[^]?|<<<|>&|<&|&>|>\|)|(?<quote>['"`]|\$[({'])|<<(?<tabs>-?)[ \t]*(?:'(?<single>[^'\n]*)'|"(?<double>[^"\n]*)"|\\?(?<bare>[^\s;&|<>()'"\\]+))|(?<bad><<)|[^\s\\'"`$<>&|;()#]+|[^]/y;

/** Replaces what has no structure by `q`, comments and here-documents by blanks, continuations by NUL. The length stays. */
function maskQuoted(script: string): string | undefined {
  const heredocs: Heredoc[] = [];
  let masked = '';
  let startsWord = true;
  const add = (mask: string, end: number) => (masked += mask.repeat(end - masked.length));
  while (masked.length < script.length) {
    const at = (PIECE.lastIndex = masked.length);
    const { 0: piece = '', groups = {} } = PIECE.exec(script) ?? {};
    const { gap, escaped, quote, tabs, bad } = groups;
    const last = groups['single'] ?? groups['double'] ?? groups['bare'];
    const end = quote === undefined ? at + piece.length : endOfQuote(script, at);
    if (end === undefined || bad !== undefined) return undefined;
    if (last !== undefined) heredocs.push({ last, tabs: tabs === '-' });
    if (gap !== undefined) {
      add('\0', end);
      continue;
    }
    const isText = (escaped ?? quote ?? last) !== undefined;
    if (piece === '#' && startsWord) add(' ', lineEnd(script, at));
    else if (isText) add('q', end);
    else masked += piece;
    startsWord = !isText && /[\s;&|()]$/.test(piece);
    for (const heredoc of piece === '\n' ? heredocs.splice(0) : []) {
      const end = endOfHeredoc(script, masked.length, heredoc);
      if (end === undefined) return undefined;
      add(' ', end);
    }
  }
  return heredocs.length === 0 ? masked : undefined;
}

/** The index after a here-document; undefined if it has no end. */
function endOfHeredoc(script: string, begin: number, { last, tabs }: Heredoc): number | undefined {
  for (let at = begin; at < script.length;) {
    const end = lineEnd(script, at);
    const line = script.slice(at, end);
    at = Math.min(end + 1, script.length);
    if ((tabs ? line.replace(/^\t+/, '') : line) === last) return at;
  }
  return undefined;
}

function lineEnd(script: string, at: number): number {
  const end = script.indexOf('\n', at);
  return end < 0 ? script.length : end;
}

/** Splits a script of which the quotes are masked. */
function splitMasked(script: string, masked: string): ShellCommand[] | undefined {
  const commands: ShellCommand[] = [];
  let [depth, cases, parentheses] = [0, 0, 0];
  let [line, lineAt] = [1, 0];
  let isFirstWord = true;
  let command: { begin: number; end: number; isCompound: boolean } | undefined;
  const endCommand = (end: ShellCommand['end']) => {
    isFirstWord = true;
    if (depth > 0 || !command) return;
    line += script.slice(lineAt, command.begin).split('\n').length - 1;
    lineAt = command.begin;
    const text = script.slice(command.begin, command.end).replaceAll('\\\n', '').trim();
    commands.push({ text, line, end, isCompound: command.isCompound });
    command = undefined;
  };
  // In a `case`, `|` also separates patterns, and `;;` ends a branch. A list may continue on the next line.
  const TOKEN = /(&&|\|\||[;&|\n])\s*|[()]|[^\s;&|()\0][^\s;&|()]*/g;
  for (const { 0: piece, 1: operator, index } of masked.matchAll(TOKEN)) {
    if (operator !== undefined) {
      endCommand(operator === '\n' ? ';' : (operator as ShellCommand['end']));
      continue;
    }
    command ??= { begin: index, end: 0, isCompound: false };
    command.end = index + piece.length;
    const token = piece.replaceAll('\0', '');
    let step = OPENING.has(token) ? 1 : CLOSING.has(token) ? -1 : 0;
    if (token === '(' || token === ')') {
      // A pattern of a `case` ends with an unmatched parenthesis.
      if (token === '(' || parentheses > 0 || cases <= 0) step = token === '(' ? 1 : -1;
      parentheses += step;
      command.isCompound = true;
    } else if (isFirstWord || token === '{') {
      if (token === 'case' || token === 'esac') cases += step;
      command.isCompound ||= step !== 0 || token === 'function';
    } else step = 0;
    depth += step;
    if (token === '(' || token === ')') isFirstWord = true;
    else if (isFirstWord || token === '{') isFirstWord = LEADING.has(token);
    if (depth < 0 || parentheses < 0) return undefined;
  }
  endCommand('');
  return depth === 0 ? commands : undefined;
}

/** The maximum depth of nested quotes and substitutions; more than people write. */
const MAX_NESTED = 50;

/** The index after a quoted text or a substitution; undefined if it is not closed. */
function endOfQuote(script: string, begin: number, level = 0): number | undefined {
  if (level > MAX_NESTED) return undefined;
  const open = script[begin] ?? '';
  if (open === "'") return after(script.indexOf("'", begin + 1));
  const isDollar = open === '$';
  const close = isDollar ? ({ '(': ')', '{': '}', "'": "'" }[script[begin + 1] ?? ''] ?? '') : open;
  for (let at = begin + (isDollar ? 2 : 1), nested = 0; at < script.length; at += 1) {
    const char = script[at] ?? '';
    if (char === '\\') at += 1;
    else if (char === close && nested === 0) return at + 1;
    else if (close === ')' && char === '(') nested += 1;
    else if (close === ')' && char === ')') nested -= 1;
    else if (close !== "'" && close !== '`' && isQuote(script, at, close)) {
      const end = endOfQuote(script, at, level + 1);
      if (end === undefined) return undefined;
      at = end - 1;
    }
  }
  return undefined;
}

/** Whether a quote or substitution begins at an index inside another one. */
function isQuote(script: string, at: number, close: string): boolean {
  const char = script[at] ?? '';
  if (char === '`' || (char === '$' && /[({]/.test(script[at + 1] ?? ''))) return true;
  return close !== '"' && (char === '"' || (char === "'" && close === ')'));
}

function after(at: number): number | undefined {
  return at < 0 ? undefined : at + 1;
}
