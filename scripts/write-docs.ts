// `npm run docs`: fills the generated parts of the pages in docs/.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { renderPage } from './render-docs.ts';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
for (const name of readdirSync(docs).filter((each) => each.endsWith('.md'))) {
  const text = readFileSync(docs + name, 'utf8');
  if (text.includes('<!-- generated: ')) writeFileSync(docs + name, await renderPage(text, docs + name));
}
