/** A simple or compound command at the outermost level of a shell script. */
export interface ShellCommand {
  readonly text: string;
  /** Its first line, counted from 1. */
  readonly line: number;
  /** The operator after it. A line end counts as `;`. */
  readonly end: ';' | '&' | '&&' | '||' | '|' | '';
  readonly isCompound: boolean;
}

const OPENING = new Set(['if', 'case', 'for', 'while', 'until', 'select', '{', '(', 'function', '[[', '((']);
const CLOSING = new Set(['fi', 'esac', 'done', '}', ')']);

/**
 * Splits a script for a POSIX shell or bash into its outermost commands. Handles quotes, substitutions, comments, line
 * continuations and here-documents. Returns undefined for a script that it can't parse, such as one with an open quote.
 */
export function shellCommands(script: string): ShellCommand[] | undefined {
  const commands: ShellCommand[] = [];
  const heredocs: { readonly word: string; readonly tabs: boolean }[] = [];
  let depth = 0;
  let cases = 0;
  let parentheses = 0;
  let at = 0;
  let line = 1;
  let text = '';
  let begin = 1;
  let isCompound = false;
  let startsWord = true;
  let isFirstWord = true;
  let word = '';

  const add = (piece: string) => {
    if (text === '') begin = line;
    text += piece;
    word += piece;
    startsWord = false;
    line += piece.split('\n').length - 1;
    at += piece.length;
  };
  const endWord = () => {
    if (word === '') return;
    if (isFirstWord || word === '{') {
      if (OPENING.has(word)) {
        if (word === 'case') cases += 1;
        if (word !== 'function' && word !== '[[' && word !== '((') depth += 1;
        isCompound = isCompound || (word !== '[[' && word !== '((');
      } else if (CLOSING.has(word)) {
        if (word === 'esac') cases -= 1;
        depth -= 1;
        isCompound = true;
      }
      // Each of these is followed by a command.
      isFirstWord = ['if', 'then', 'else', 'elif', 'while', 'until', 'do', '{', '(', '!', 'time'].includes(
        word,
      );
    }
    word = '';
  };
  const endCommand = (end: ShellCommand['end']) => {
    endWord();
    isFirstWord = true;
    startsWord = true;
    if (depth > 0) {
      text += end === '' ? ';' : end;
      return;
    }
    const trimmed = text.trim();
    if (trimmed !== '') commands.push({ text: trimmed, line: begin, end, isCompound });
    text = '';
    isCompound = false;
  };

  while (at < script.length) {
    const rest = script.slice(at, at + 3);
    const char = rest[0] ?? '';
    if (rest.startsWith('\\\n')) {
      at += 2;
      line += 1;
    } else if (char === '\\') add(script.slice(at, at + 2));
    else if (char === "'" || char === '"' || char === '`' || /^\$[({']/.test(rest)) {
      const end = endOfQuote(script, at);
      if (end === undefined) return undefined;
      add(script.slice(at, end));
    } else if (char === '#' && startsWord) {
      while (at < script.length && script[at] !== '\n') at += 1;
    } else if (rest.startsWith('<<') && rest !== '<<<') {
      const found = /^<<(-?)[ \t]*(?:'([^'\n]*)'|"([^"\n]*)"|\\?([^\s;&|<>()'"\\]+))/.exec(script.slice(at));
      if (!found) return undefined;
      heredocs.push({ word: found[2] ?? found[3] ?? found[4] ?? '', tabs: found[1] === '-' });
      add(found[0]);
    } else if (rest === '<<<') add(rest);
    else if (/^(>&|<&|&>|>\|)/.test(rest)) add(rest.slice(0, 2));
    else if (char === '\n') {
      endCommand(';');
      at += 1;
      line += 1;
      for (const { word: last, tabs } of heredocs.splice(0)) {
        for (;;) {
          if (at >= script.length) return undefined;
          const next = script.indexOf('\n', at);
          const content = script.slice(at, next < 0 ? undefined : next);
          at = next < 0 ? script.length : next + 1;
          line += 1;
          if ((tabs ? content.replace(/^\t+/, '') : content) === last) break;
        }
      }
    } else if (rest.startsWith('&&') || rest.startsWith('||')) {
      endCommand(rest.startsWith('&&') ? '&&' : '||');
      at += 2;
      // After an operator, a list may continue on the next line.
      for (; /\s/.test(script[at] ?? ''); at += 1) if (script[at] === '\n') line += 1;
    } else if (char === ';' || char === '&' || char === '|') {
      // Inside a `case`, `|` also separates patterns, and `;;` ends a branch.
      endCommand(char);
      at += 1;
    } else if (char === '(' || char === ')') {
      endWord();
      const step = char === '(' ? 1 : -1;
      // A pattern of a `case` ends with an unmatched parenthesis.
      const isPattern = step < 0 && parentheses === 0 && cases > 0;
      if (!isPattern) {
        depth += step;
        parentheses += step;
      }
      add(char);
      word = '';
      isCompound = true;
      isFirstWord = true;
      startsWord = true;
    } else if (char === ' ' || char === '\t') {
      endWord();
      if (text !== '') text += char;
      startsWord = true;
      at += 1;
    } else add(char);
    if (depth < 0 || parentheses < 0) return undefined;
  }
  endCommand('');
  return depth === 0 && heredocs.length === 0 ? commands : undefined;
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
