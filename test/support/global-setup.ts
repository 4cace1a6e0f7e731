import type { TestProject } from 'vitest/node';
import { ensureBuilt } from './built.ts';
import { provideTestServer } from './temporal.ts';

/** Integration tests run the built program against one Temporal server. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  ensureBuilt();
  return provideTestServer(project);
}
