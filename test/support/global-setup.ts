import { ensureBuilt } from './built.ts';
import { provideTestServer } from './temporal.ts';

/** Integration tests run the built program against one Temporal server. */
export default async function setUp(project: {
  provide(key: 'temporalAddress', value: string): void;
}): Promise<() => Promise<void>> {
  ensureBuilt();
  return provideTestServer(project);
}
