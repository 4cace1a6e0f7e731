// `npm run build`: compiles dist/, and bundles the workflows and the command line.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleCli } from './bundle-cli.ts';
import type * as source from '../src/bundle-workflows.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
// Files that the code reads at run time: shell programs, completion scripts, Dockerfiles.
for (const entry of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
  if (!/\.(sh|awk|bash|zsh|fish|pl)$|Dockerfile$/.test(entry)) continue;
  mkdirSync(dirname(join(dist, entry)), { recursive: true });
  copyFileSync(join(root, 'src', entry), join(dist, entry));
}
// From dist, because it bundles the files beside it.
const built: unknown = await import(pathToFileURL(join(dist, 'bundle-workflows.js')).href);
const { code } = await (built as typeof source).bundleWorkflows();
writeFileSync(join(dist, 'workflow-bundle.js'), code);
await bundleCli(root);
chmodSync(join(dist, 'cli/main.js'), 0o755);
