// `npm run check`: runs every `check:…` script of package.json in parallel.
import { readFileSync } from 'node:fs';
import { allOf, run } from './install.mjs';

const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const checks = Object.keys(scripts).filter((name) => name.startsWith('check:'));
await allOf(...checks.map((name) => run('npm', ['run', '--silent', name])));
