import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provideTestServer } from './temporal.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Integration tests run the built program against one Temporal server. */
export default async function setUp(project: {
  provide(key: 'temporalAddress', value: string): void;
}): Promise<() => Promise<void>> {
  if (isStale()) execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  return provideTestServer(project);
}

/** True unless dist is newer than everything that it is made of. */
function isStale(): boolean {
  const bundle = join(root, 'dist/workflow-bundle.js');
  if (!existsSync(bundle)) return true;
  const builtMs = statSync(bundle).mtimeMs;
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).some(
    (file) => statSync(join(root, 'src', file)).mtimeMs > builtMs,
  );
}
