import { describe, expect, it } from 'vitest';
import { BoundedOutput, LineSplitter } from '../../src/ssh/output.ts';

describe('BoundedOutput', () => {
  it('keeps the oldest bytes', () => {
    const output = new BoundedOutput(5);
    for (const part of ['abc', 'def', 'ghi']) output.push(Buffer.from(part));
    expect(output.text()).toBe('abcde');
  });

  it('leaves out a character cut in two by the limit', () => {
    const output = new BoundedOutput(4);
    output.push(Buffer.from('añ€'));
    expect(output.text()).toBe('añ');
  });

  it('joins a character split over chunks', () => {
    const output = new BoundedOutput(100);
    for (const byte of Buffer.from('€')) output.push(Buffer.from([byte]));
    expect(output.text()).toBe('€');
  });

  it('is exact at the limit', () => {
    const output = new BoundedOutput(3);
    output.push(Buffer.from('€'));
    expect(output.text()).toBe('€');
  });
});

describe('LineSplitter', () => {
  it('splits whatever the chunks are', () => {
    const text = 'one\n\ntwo €\nthree';
    for (let size = 1; size < text.length; size++) {
      const lines: string[] = [];
      const splitter = new LineSplitter((line) => lines.push(line), 100);
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.subarray(at, at + size));
      expect(lines).toEqual(['one', '', 'two €']);
      splitter.finish();
      expect(lines).toEqual(['one', '', 'two €', 'three']);
    }
  });

  it('cuts a line over the limit and goes on with the next', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line), 4);
    for (const part of ['abc', 'def', 'ghi\nnext\n']) splitter.push(Buffer.from(part));
    expect(lines).toEqual(['abcd', 'next']);
  });

  it('has no last line after a line end', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line), 4);
    splitter.push(Buffer.from('a\n'));
    splitter.finish();
    expect(lines).toEqual(['a']);
  });
});
