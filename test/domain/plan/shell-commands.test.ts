import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shellCommands } from '../../../src/domain/plan/shell-commands.ts';

const shown = (script: string) =>
  shellCommands(script)?.map(({ text, line, end, isCompound }) =>
    `${line} ${isCompound ? '{}' : text} ${end}`.trim(),
  );

describe('the outermost commands of a script', () => {
  it.each<[what: string, script: string, commands: string[] | undefined]>([
    ['lines', 'a 1\n\n  b\n', ['1 a 1 ;', '3 b ;']],
    ['separators', 'a; b & c && d || e | f', ['1 a ;', '1 b &', '1 c &&', '1 d ||', '1 e |', '1 f']],
    ['a list over several lines', 'a &&\n  b\nc', ['1 a &&', '2 b ;', '3 c']],
    ['a continued line', 'a \\\n  b\nc', ['1 a   b ;', '3 c']],
    ['comments', 'a # b; c\n# d\ne#f', ['1 a ;', '3 e#f']],
    ['quotes', `a 'b; c' "d & \\" e" \\; $'\\'; f'\ng`, [`1 a 'b; c' "d & \\" e" \\; $'\\'; f' ;`, '2 g']],
    [
      'substitutions',
      'a "$(b "c; d"; e)" `f; g` ${h:-"; i"}\nj',
      ['1 a "$(b "c; d"; e)" `f; g` ${h:-"; i"} ;', '2 j'],
    ],
    ['a text over several lines', "a 'b\nc'\nd", ["1 a 'b\nc' ;", '3 d']],
    ['redirections', 'a >&2 2>&1 &>b\nc', ['1 a >&2 2>&1 &>b ;', '2 c']],
    ['a here-document', "a <<'END' && b\nc &\nEND\nd", ["1 a <<'END' &&", '1 b ;', '4 d']],
    ['a here-document with tabs', 'a <<-END\n\tc &\n\tEND\nd', ['1 a <<-END ;', '4 d']],
    ['a here-string', 'a <<<"$b"\nc', ['1 a <<<"$b" ;', '2 c']],
    ['if', 'if a; then\n  b\nelse c; fi\nd', ['1 {} ;', '4 d']],
    ['loops', 'for a in b; do c; done\nwhile d; do e; done <f\ng', ['1 {} ;', '2 {} ;', '3 g']],
    ['case', 'case $a in\n  b|c) d ;;\n  (e) f & ;;\nesac\ng', ['1 {} ;', '5 g']],
    ['functions', 'a() {\n  b &\n}\nfunction c { d; }\na', ['1 {} ;', '4 {} ;', '5 a']],
    ['groups', '(a; b) &\n{ c; d; }\ne', ['1 {} &', '2 {} ;', '3 e']],
    ['words that are keywords elsewhere', 'echo if done\na', ['1 echo if done ;', '2 a']],
    ['an open quote', "a 'b\nc", undefined],
    ['an open here-document', 'a <<END\nb', undefined],
    ['an open loop', 'while a; do b', undefined],
    ['a parenthesis too many', 'a)\nb', undefined],
  ])('are separated by %s', (_, script, commands) => {
    expect(shown(script)).toEqual(commands);
  });

  it('are found in any text, or none are, without an error', () => {
    const piece = fc.constantFrom(
      "'",
      '"',
      '`',
      '$(',
      '${',
      ')',
      '(',
      '{',
      '}',
      '\n',
      ';',
      '&',
      '|',
      '#',
      '\\',
      '<<E',
      'E',
      ' ',
      'a',
      'if',
      'fi',
      'case',
      'esac',
      'do',
      'done',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const script = pieces.join('');
        const lines = script.split('\n').length;
        for (const { line } of shellCommands(script) ?? []) expect(line).toBeLessThanOrEqual(lines);
      }),
      { numRuns: 2000 },
    );
  });
});
