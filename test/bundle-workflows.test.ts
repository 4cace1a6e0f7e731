import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import { expect, it } from 'vitest';
import { workflowBundle } from './support/built.ts';

it('the workflows find every module loaded, and keep short stack traces', () => {
  const loaded: string[] = [];
  const cache = new Proxy<Record<string, unknown>>(
    {},
    { set: (modules, id: string, module) => (loaded.push(id), Reflect.set(modules, id, module)) },
  );
  // As the SDK evaluates the bundle: it passes the cache, and preloads before any run exists.
  const context = createContext({
    __webpack_module_cache__: cache,
    TextEncoder,
    TextDecoder,
    AbortController,
  });
  runInContext(readFileSync(workflowBundle.codePath, 'utf8'), context);
  runInContext('__TEMPORAL__.preloadModules()', context);
  expect(loaded).toContain('./dist/workflows/provision.js');
  loaded.length = 0;
  runInContext('__TEMPORAL__.importInterceptors(); __TEMPORAL__.importWorkflows()', context);
  expect(loaded).toEqual([]);
  expect(runInContext('Error.stackTraceLimit', context)).toBe(4);
});
