import { describe, expect, it } from 'vitest';
import {
  advice,
  block,
  code,
  left,
  prose,
  right,
  table,
  unbroken,
} from '../../../src/domain/text/markdown.ts';

describe('foreign text in Markdown', () => {
  it.each([
    ['x | y\n\n# <img> `z` [a](b) \\| *_&~', 'x \\| y # \\<img\\> \\`z\\` \\[a\\](b) \\\\\\| \\*\\_\\&\\~'],
    ['http://x mailto:y root@h:22', 'http\\://x mailto\\:y root@h:22'],
    ['--flag a-b a--b', '\\-\\-flag a-b a\\-\\-b'],
    ['# heading', '\\# heading'],
    ['- item', '\\- item'],
    ['12. item', '12\\. item'],
    ['{.class} $x$', '\\{.class} \\$x\\$'],
    ['\u001b[31mred\u001b[0m \u202eevil', 'red evil'],
    ['', ''],
  ])('is escaped as prose: %j', (text, shown) => expect(prose(text)).toBe(shown));

  it.each([
    ['a | b\nc', '`a | b c`'],
    ['a`b', '`` a`b ``'],
    ['`a`', '`` `a` ``'],
    ['a``b', 'a\\`\\`b'],
    [' ', ' '],
  ])('is shown as code: %j', (text, shown) => expect(code(text)).toBe(shown));

  it('is shown literally as a block', () => {
    expect(block(['a', '```', '\u001b[2J*b*'])).toBe('````\na\n```\n*b*\n````');
  });

  it('is shown as advice with commands to copy', () => {
    expect(advice("Run `ssh 'a_b'`, *then* retry.")).toBe("Run `ssh 'a_b'`, \\*then\\* retry.");
    expect(advice('half a `command')).toBe('half a \\`command');
  });

  it('is shown as cells with a gap between them', () => {
    const columns = [...left('a'), ...right('b')];
    const rows = [
      [unbroken('x y'), ''],
      ['z', '1'],
    ];
    expect(table(columns, rows)).toEqual([
      '| a | \u00a0\u00a0b |\n|:--|--:|\n| x\u00a0y |  |\n| z | \u00a0\u00a01 |',
    ]);
    expect(table(columns, [])).toEqual([]);
  });
});
