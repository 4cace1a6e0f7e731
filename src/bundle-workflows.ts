import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

/**
 * Bundles the workflows in the directory of this module for a worker.
 *
 * @throws Error (from the bundler) when a workflow imports a module that is forbidden in workflows
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
    // The bundler logs every module that it reads; errors are thrown anyway.
    logger: new DefaultLogger('ERROR'),
  });
}
