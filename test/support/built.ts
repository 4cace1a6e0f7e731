import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The built workflows, as workers load them. */
export const workflowBundle = { codePath: join(root, 'dist/workflow-bundle.js') };

/** Builds the program that the workers run, unless the build is newer than every source file. */
export function ensureBuilt(): void {
  if (isStale()) execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
}

function isStale(): boolean {
  const { codePath } = workflowBundle;
  if (!existsSync(codePath)) return true;
  const builtMs = statSync(codePath).mtimeMs;
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).some(
    (file) => statSync(join(root, 'src', file)).mtimeMs > builtMs,
  );
}

/** A vitest `globalSetup`: any test may need the build. */
export default ensureBuilt;
