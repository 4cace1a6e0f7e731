// `npm run build`: dist/ that runs with plain node, with the workflows bundled beforehand.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
// What the code reads at run time lies beside it: shell programs, Dockerfiles.
for (const entry of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
  if (!/\.sh$|Dockerfile$/.test(entry)) continue;
  mkdirSync(dirname(join(dist, entry)), { recursive: true });
  copyFileSync(join(root, 'src', entry), join(dist, entry));
}
const { code } = await bundleWorkflowCode({
  workflowsPath: join(dist, 'workflows/index.js'),
  logger: { trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error, log() {} },
});
writeFileSync(join(dist, 'workflow-bundle.js'), code);
chmodSync(join(dist, 'cli/main.js'), 0o755);
