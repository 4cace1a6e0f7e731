import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import {
  defaultCacheDir,
  findTemporalCli,
  startDevServer,
  type DevServer,
  type FindOptions,
  type FoundProgram,
} from '../../src/dev/temporal/index.ts';
import { findTestServer } from './test-server.ts';
import { searchAttributes } from '../../src/domain/run/search-attributes.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** `127.0.0.1:PORT` of the server that {@link provideTestServer} started. */
    temporalAddress: string;
    /** Its HTTP API. */
    temporalHttp: DevServer['http'];
  }
}

/** Finds the Temporal CLI as for a developer, with the cache that all runs share. */
export function testCli(): Promise<FoundProgram> {
  return findTemporalCli(findOptions());
}

/** The path of the time-skipping server: `createTimeSkipping({ server: { executable: { type: 'existing-path', path } } })`. */
export function testServerPath(): Promise<string> {
  return findTestServer(findOptions());
}

/** Starts a dev server with its own database. `stop` kills it at once and removes everything. */
export async function startTestServer(): Promise<DevServer> {
  const { path: cli } = await testCli();
  const dir = await mkdtemp(join(tmpdir(), 'chandler-test-temporal-'));
  const server = await startDevServer({ cli, dbFile: join(dir, 'temporal.db'), searchAttributes });
  // The server must not outlive a test run that ends without `stop`.
  const kill = () => {
    try {
      process.kill(server.pid, 'SIGKILL');
    } catch {
      // The test has already killed it.
    }
  };
  process.once('exit', kill);
  return {
    ...server,
    async stop(options) {
      process.off('exit', kill);
      await server.stop({ graceMs: 0, ...options });
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** For a vitest `globalSetup` file: `export default provideTestServer`. Tests then `inject('temporalAddress')`. */
export async function provideTestServer(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestServer();
  project.provide('temporalAddress', server.address);
  project.provide('temporalHttp', server.http);
  return () => server.stop();
}

function findOptions(): FindOptions {
  return { env: process.env, cacheDir: defaultCacheDir(process.env), announce };
}

function announce(line: string): void {
  process.stderr.write(`${line}\n`);
}
