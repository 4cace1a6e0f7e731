import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

/**
 * Bundles the workflows that lie beside this module, as a worker loads them.
 *
 * @throws Error (from the bundler) when a workflow imports what it may not
 */
export function bundleWorkflows(): Promise<WorkflowBundleWithSourceMap> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const path = (name: string) => fileURLToPath(new URL(`./workflows/${name}.${extension}`, import.meta.url));
  return bundleWorkflowCode({
    workflowsPath: path('index'),
    payloadConverterPath: path('sdk/payload-converter'),
    workflowInterceptorModules: [
      path('sdk/fail-after-query'),
      path('sdk/pass-sender'),
      path('sdk/refuse-unknown-workflows'),
    ],
    // It reports every module that it reads; its errors are thrown.
    logger: new DefaultLogger('ERROR'),
  });
}
