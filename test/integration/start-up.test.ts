import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ALWAYS = ['@noble/hashes', 'commander', 'get-east-asian-width', 'p-map'];

describe('only what is needed is loaded:', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'chandler-start-up-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  it.each([
    ['--version', ALWAYS],
    ['--help', ALWAYS],
    ['completion bash', ALWAYS],
    ['version --json', ALWAYS],
    ['schema', ALWAYS],
    ['validate examples/demo.yaml', [...ALWAYS, 'yaml', 'zod']],
  ])('chandler %s', async (words, packages) => {
    expect(await packagesOf('dist/cli/main.js', ...words.split(' '))).toEqual(packages);
  });

  it('chandler status: no part of a worker, and nothing for SSH', async () => {
    const packages = await packagesOf('dist/cli/main.js', 'status', '--address', inject('temporalAddress'));
    expect(packages).toContain('@temporalio/client');
    expect(packages.filter((name) => /worker|core-bridge|workflow$|ssh2|pino/.test(name))).toEqual([]);
  });

  it("import 'chandler': neither the SDK nor SSH", async () => {
    const script = join(dir, 'import.mjs');
    await writeFile(script, `import ${JSON.stringify(join(root, 'dist/index.js'))};`);
    expect(await packagesOf(script)).toEqual(['@noble/hashes', 'ms', 'yaml', 'zod']);
  });

  /** The packages of the modules that a program has loaded. The bundler leaves a comment with its path above each module. */
  async function packagesOf(...words: readonly string[]): Promise<string[]> {
    const coverage = await mkdtemp(join(dir, 'loaded-'));
    const env = { ...process.env, NODE_V8_COVERAGE: coverage };
    await promisify(execFile)(process.execPath, words, { cwd: root, env });
    const [report = ''] = await readdir(coverage);
    const { result } = JSON.parse(await readFile(join(coverage, report), 'utf8')) as {
      result: { url: string }[];
    };
    const files = result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
    const modules = await Promise.all(
      files.map(async (url) => {
        const lines = (await readFile(new URL(url), 'utf8')).split('\n');
        return [url, ...lines.filter((line) => line.startsWith('// '))];
      }),
    );
    const names = modules.flat().flatMap((it) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(it)?.[1] ?? []);
    return [...new Set(names)].sort();
  }
});
