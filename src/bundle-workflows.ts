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
  const workflowsPath = path('index');
  const payloadConverterPath = path('sdk/payload-converter');
  const workflowInterceptorModules = [
    path('sdk/fail-after-query'),
    path('sdk/pass-sender'),
    path('sdk/refuse-unknown-workflows'),
  ];
  return bundleWorkflowCode({
    workflowsPath,
    payloadConverterPath,
    workflowInterceptorModules,
    // Loaded once for all workflows of a worker, instead of by each. So no module may have variables that a workflow changes.
    preloadModules: [
      path('sdk/limit-stack-traces'),
      workflowsPath,
      payloadConverterPath,
      ...workflowInterceptorModules,
    ],
    // The bundler logs every module that it reads; errors are thrown anyway.
    logger: new DefaultLogger('ERROR'),
  });
}
