import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { renderPage } from '../../scripts/render-docs.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
const pages = ['README.md', 'SECURITY.md', ...docs.map((name) => `docs/${name}`)];
const read = (page: string) => readFileSync(join(root, page), 'utf8');

describe.each(pages)('%s', (page) => {
  test.runIf(read(page).includes('<!-- generated: '))('is up to date (else: npm run docs)', async () => {
    expect(await renderPage(read(page), join(root, page))).toBe(read(page));
  });

  test('links to pages and headings that exist', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)];
    const broken = links.filter(([, to = '', anchor]) => {
      const target = to === '' ? page : join(dirname(page), to);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });
});

test.each(pages)('%s names files that exist', (page) => {
  const named = read(page).match(/(?<=`)(src|test|chaos|fuzz|docs|examples|presets)\/[\w./-]*\w/g) ?? [];
  expect(
    named.filter((path) => !existsSync(join(root, path)) && !existsSync(join(root, `${path}.test.ts`))),
  ).toEqual([]);
});

test('the README is short, and the index names every page', () => {
  expect(read('README.md').split(/\s+/).length).toBeLessThanOrEqual(900);
  const index = read('docs/index.md');
  expect(docs.filter((name) => name !== 'index.md' && !index.includes(`(${name})`))).toEqual([]);
});

test('an unknown generated part is an error', async () => {
  const text = '<!-- generated: no-such-part -->\n<!-- /generated -->\n';
  await expect(renderPage(text, join(root, 'docs/x.md'))).rejects.toThrow('no generated part "no-such-part"');
});

/** The anchors that GitHub gives to headings: the second of one name ends in `-1`. */
function anchorsOf(markdown: string): string[] {
  const counts = new Map<string, number>();
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => {
    const slug = heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-');
    const before = counts.get(slug) ?? 0;
    counts.set(slug, before + 1);
    return before === 0 ? slug : `${slug}-${before}`;
  });
}
