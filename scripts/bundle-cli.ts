import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { rolldown, type ChunkingContext, type OutputChunk, type Plugin } from 'rolldown';

/**
 * A chunk for each of these files, with all that it imports and no chunk before it has. Each chunk is one more file to load, so
 * what every command needs is one; what few commands need is divided by the bundler.
 */
const CHUNKS = {
  start: 'cli/run-cli.ts',
  schema: 'domain/plan/validate.ts',
  plan: 'cli/input/plan-file.ts',
  config: 'config/config.ts',
  client: 'client.ts',
};

/**
 * Lines for sh that are a comment for Node. Node takes `--env-file` for an option of its own, even after the program, and obeys the
 * NODE_OPTIONS in that file; only `--` ends its options. A `#!` line with two words is not portable.
 */
const START = `#!/bin/sh
':' //; exec node -- "$0" "$@"
`;

/**
 * Bundles the command line with the packages that it loads: to find and compile hundreds of small files takes longer than all
 * else that a command does. What only some commands need stays in chunks of its own, which `import()` loads.
 */
export async function bundleCli(root: string): Promise<void> {
  const src = join(root, 'src');
  const bundle = await rolldown({
    cwd: root,
    input: join(src, 'cli/main.ts'),
    platform: 'node',
    // Needed for includeDependenciesRecursively: false. Nothing imports main.js.
    preserveEntrySignatures: false,
    transform: { target: 'node20.19' },
    // They look for files beside them, or for native parts.
    external: ['ssh2', 'pino'],
    plugins: [besideBundle(src), slimProtocol],
  });
  const { output } = await bundle.write({
    dir: join(root, 'dist/cli'),
    chunkFileNames: '[name]-[hash].js',
    comments: false,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ debugName: 'chunks', name: chunkNames(src) }],
    },
  });
  const main = join(root, 'dist/cli/main.js');
  writeFileSync(main, readFileSync(main, 'utf8').replace(/^#!.*\n/, START));
  writeFileSync(join(root, 'dist/cli/LICENSES.txt'), licensesOf(output.filter((it) => it.type === 'chunk')));
}

function chunkNames(src: string): (id: string, context: ChunkingContext) => string | undefined {
  const chunks = new Map<string, string>();
  return (id, context) => {
    const take = (module: string, chunk: string): void => {
      if (chunks.has(module)) return;
      chunks.set(module, chunk);
      for (const imported of context.getModuleInfo(module)?.importedIds ?? []) take(imported, chunk);
    };
    if (chunks.size === 0) for (const [chunk, file] of Object.entries(CHUNKS)) take(join(src, file), chunk);
    return chunks.get(id);
  };
}

/** Leaves in the compiled tree beside the bundle what belongs there: the worker, and the files that the code reads. */
function besideBundle(src: string): Plugin {
  const worker = join(src, 'worker.ts');
  return {
    name: 'beside-bundle',
    // With the SDK's native part, a worker needs the one copy of each package that this part uses.
    resolveId(path, importer = '') {
      return resolve(importer, '..', path) === worker ? { id: '../worker.js', external: true } : null;
    },
    transform(code, id) {
      if (!id.startsWith(src) || id === join(src, 'cli/main.ts')) return null;
      const own = `new URL(${JSON.stringify(`../${relative(src, id)}`)}, import.meta.url)`;
      return code.replaceAll('import.meta.url', own);
    },
  };
}

/**
 * Makes the description of the server's API quicker to load: as JSON, which is parsed faster than code, and without the APIs of
 * Temporal Cloud and of the SDK's native part, which no command uses.
 */
const slimProtocol: Plugin = {
  name: 'slim-protocol',
  transform(code, id) {
    if (!id.endsWith('/@temporalio/proto/protos/json-module.js')) return null;
    const [begin, end] = [code.indexOf('.addJSON({') + '.addJSON('.length, code.lastIndexOf('})') + 1];
    const { coresdk: _, ...api } = JSON.parse(code.slice(begin, end)) as ProtocolDescription;
    delete api.temporal.nested.api.nested.cloud;
    return `${code.slice(0, begin)}JSON.parse(${JSON.stringify(JSON.stringify(api))})${code.slice(end)}`;
  },
};

interface ProtocolDescription {
  readonly coresdk: object;
  readonly temporal: { readonly nested: { readonly api: { readonly nested: { cloud?: object } } } };
}

/** The licenses of the bundled packages, which ask that every copy carries them. */
function licensesOf(chunks: readonly OutputChunk[]): string {
  const dirs = chunks
    .flatMap(({ moduleIds }) => moduleIds)
    .flatMap((id) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []);
  return [...new Set(dirs)]
    .sort()
    .map((dir) => {
      const file = readdirSync(dir).find((name) => /^licen[cs]e/i.test(name));
      if (file === undefined) throw new Error(`cannot bundle ${dir}: it has no license file`);
      return `${dir.replace(/^.*node_modules\//, '')}\n\n${readFileSync(join(dir, file), 'utf8')}`;
    })
    .join(`\n${'-'.repeat(80)}\n`);
}
