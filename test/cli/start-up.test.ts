import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const src = fileURLToPath(new URL('../../src', import.meta.url));

/** Packages that cost little to load. The others are loaded by the commands that need them, when they do (`await import`). */
const LIGHT = [
  'commander',
  'ms',
  '@noble/hashes/sha2.js',
  '@noble/hashes/utils.js',
  'get-east-asian-width',
  'p-map',
];

/** What a file takes when it is loaded: its imports, without those of types. */
function importsOf(file: string): string[] {
  const statements = readFileSync(file, 'utf8').matchAll(
    /^(?:import|export) (?!type )[^;]*?from '([^']+)';/gm,
  );
  return [...statements].map(([, from = '']) => from);
}

/** The packages that a file leads to, each with the files on the way. */
function packagesOf(
  file: string,
  way: readonly string[] = [],
  seen = new Set<string>(),
): Map<string, string> {
  if (seen.has(file)) return new Map();
  seen.add(file);
  const here = [...way, file.slice(src.length + 1)];
  return importsOf(file).reduce((found, from) => {
    if (!from.startsWith('.')) return from.startsWith('node:') ? found : found.set(from, here.join(' → '));
    return new Map([...packagesOf(join(dirname(file), from), here, seen), ...found]);
  }, new Map<string, string>());
}

test('the program starts without the packages that take long to load', () => {
  const packages = packagesOf(join(src, 'cli/main.ts'));
  const heavy = [...packages].filter(([name]) => !LIGHT.includes(name));
  expect(heavy).toEqual([]);
  expect([...packages.keys()]).toContain('commander');
});

test('the way to a package is found', () => {
  expect(packagesOf(join(src, 'worker.ts')).get('@temporalio/client')).toBe('worker.ts');
  expect(packagesOf(join(src, 'client.ts')).get('zod')).toMatch(
    /^client\.ts → client\/start-run\.ts → domain\/plan\/validate\.ts/,
  );
});
