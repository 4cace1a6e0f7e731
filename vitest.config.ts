import { defineConfig } from 'vitest/config';
import { LongFirst } from './test/support/long-first.ts';
import { useOwnHome } from './test/support/own-home.ts';

useOwnHome();

export default defineConfig({
  test: {
    // For two cores, which these keep busy: more at once take as long, and leave each test less time.
    maxWorkers: 4,
    sequence: { sequencer: LongFirst },
    // For what hangs, not for what is slow on a busy machine.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 20_000,
    // Many conditions cost a request to the server or a process on a host.
    expect: { poll: { timeout: 100_000, interval: 150 } },
    // Files share what they import: to load it for each of them takes longer than many of their tests.
    isolate: false,
    setupFiles: 'test/support/seed.ts',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/workflows/**', 'test/*/workflow/**'],
          globalSetup: 'test/support/built.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'workflows',
          // By themselves, and few at a time: each file has a Temporal server of its own, whose short times some tests rely on.
          sequence: { groupOrder: 1 },
          maxWorkers: 5,
          include: ['test/workflows/**/*.test.ts', 'test/*/workflow/*.test.ts'],
          globalSetup: 'test/support/built.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: 'test/support/global-setup.ts',
        },
      },
    ],
  },
});
