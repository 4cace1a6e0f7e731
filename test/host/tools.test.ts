import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectHost } from '../../src/host/host-report.ts';
import { openHost } from '../../src/host/open-host.ts';
import { askedTools, probeHost } from '../../src/host/probe.ts';
import { loadPrograms } from '../../src/host/programs.ts';
import { LocalExecutor } from '../support/local-executor.ts';

const needed = askedTools.needed.split(' ');
const programs = loadPrograms();

describe('the list of needed tools', () => {
  /**
   * Optional tools, which the programs look for before they use them, or without which some prompts are not noticed. Only a file with
   * an owner needs chown, and its step says so.
   */
  const OPTIONAL = ['sync', 'curl', 'wget', 'tar', 'script', 'bash', 'ls', 'od', 'chown'];
  /** Words of awk and of messages that are names of tools, too. */
  const NO_TOOLS = ['more', 'link', 'last'];
  const folders = ['../../src/host/programs/', '../../src/ssh/programs/'].map(
    (path) => new URL(path, import.meta.url),
  );
  /** Programs of others: their needs are not Chandler's. */
  const OTHERS = ['attach.sh'];
  const texts = folders
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => !OTHERS.includes(name))
        .map((name) => readFileSync(new URL(name, folder), 'utf8')),
    )
    .map((text) => text.replaceAll(/^\s*#.*$/gm, ''))
    .join('\n');
  const known = new Set(execFileSync('busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n'));
  const builtins = new Set('[ echo test printf pwd kill true false sh ash'.split(' '));

  it('has every tool that the programs call', () => {
    const command =
      /(?:^|[|;&({!]|\b(?:then|else|do|if|elif|while|until|exec|env|setsid|xargs -r|timeout \d+)\b)\s*([a-z][a-z0-9]+)\b(?![=(])/gm;
    const found = [...texts.matchAll(command)]
      .map(([, name = '']) => name)
      .filter((name) => known.has(name) && !builtins.has(name));
    expect(found.length).toBeGreaterThan(100);
    expect(new Set(found.filter((name) => ![...needed, ...OPTIONAL, ...NO_TOOLS].includes(name)))).toEqual(
      new Set(),
    );
  });

  it.each(needed)('has %s because a program uses it', (tool) => {
    expect(texts).toMatch(new RegExp(`(?<![\\w$-])${tool}(?![\\w=-])`));
  });
});

describe('a host without a tool', () => {
  let dir: string;
  let executor: LocalExecutor;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'chandler-tools-'));
    mkdirSync(join(dir, 'bin'));
    for (const tool of [...needed, 'sh'])
      symlinkSync(
        execFileSync('sh', ['-c', `command -v ${tool} | grep / || echo /usr/bin/${tool}`], {
          encoding: 'utf8',
        }).trim(),
        join(dir, 'bin', tool),
      );
    executor = new LocalExecutor({ env: { HOME: dir, PATH: join(dir, 'bin') } });
  });
  afterAll(() => rmSync(dir, { recursive: true }));
  const without = async <T>(tools: readonly string[], ask: () => Promise<T>): Promise<unknown> => {
    for (const tool of tools) unlinkSync(join(dir, 'bin', tool));
    try {
      return await ask().catch((error: unknown) => error);
    } finally {
      for (const tool of tools) symlinkSync(`/usr/bin/${tool}`, join(dir, 'bin', tool));
    }
  };
  const probe = () => probeHost(executor, programs, { stateDir: join(dir, 'state') });

  it('is probed if it has all the tools', async () => {
    expect(await without([], probe)).toMatchObject({ facts: { stateDir: join(dir, 'state'), tools: [] } });
  });

  it.each(needed)('no-base64: fails as one that has no %s, before anything is made there', async (tool) => {
    const stateDir = join(dir, `without-${tool}`);
    expect(await without([tool], () => probeHost(executor, programs, { stateDir }))).toMatchObject({
      code: 'host-unsupported',
      message: `the host has no ${tool} on its PATH`,
    });
    expect(readdirSync(dir)).not.toContain(`without-${tool}`);
  });

  it('no-base64: fails with the names of all missing tools at once', async () => {
    expect(await without(['base64', 'awk', 'find', 'flock'], probe)).toMatchObject({
      message: 'the host has no base64, find, awk, flock on its PATH',
      advice: expect.stringContaining('PATH') as string,
    });
  });

  it.each([
    ['reports an error', 'echo "flock: 8: No locks available" >&2; exit 65', 'flock: 8: No locks available'],
    ['reports one after a warning', 'echo warning >&2; echo flock: EIO >&2; exit 66', 'warning\nflock: EIO'],
    ['fails without a word', 'exit 1', 'flock fails'],
  ])('accepts no run if its flock %s', async (_, script, printed) => {
    const stateDir = join(dir, 'state');
    const { host } = await openHost({ executor, programs, stateDir });
    const flock = join(dir, 'bin', 'flock');
    const error = await without(['flock'], () => {
      writeFileSync(flock, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return host.lease('holder').finally(() => unlinkSync(flock));
    });
    expect(error).toMatchObject({
      code: 'host-unsupported',
      message: expect.stringContaining(`files in ${stateDir} cannot be locked: ${printed}`) as string,
    });
  });

  it.each(['base64', 'id'])('fails as one that has no %s when it is inspected, too', async (tool) => {
    expect(await without([tool], () => inspectHost({ executor, programs }))).toMatchObject({
      code: 'host-unsupported',
      message: `the host has no ${tool} on its PATH`,
    });
  });

  it('is inspected all the same if the inspection does not need the tool', async () => {
    expect(await without(['flock', 'tee'], () => inspectHost({ executor, programs }))).toMatchObject({
      missing: { tools: ['tee', 'flock'], packages: ['coreutils', 'util-linux'] },
    });
  });
});
