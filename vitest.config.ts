import { defineConfig } from 'vitest/config';
import { LongFirst } from './test/support/long-first.ts';

export default defineConfig({
  test: {
    // For two cores: most of the time of a file is spent waiting for real servers, hosts and workers.
    maxWorkers: 5,
    sequence: { sequencer: LongFirst },
    // For what hangs, not for what is slow on a busy machine.
    testTimeout: 150_000,
    hookTimeout: 150_000,
    teardownTimeout: 20_000,
    expect: { poll: { timeout: 100_000 } },
    // Files share what they import: to load it for each of them takes longer than many of their tests.
    isolate: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/workflows/**'],
          globalSetup: 'test/support/built.ts',
        },
      },
      {
        extends: true,
        test: {
          name: 'workflows',
          // By themselves, and few at a time: the server on which time is skipped loses count of it on a busy machine.
          sequence: { groupOrder: 1 },
          maxWorkers: 3,
          include: ['test/workflows/**/*.test.ts'],
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
