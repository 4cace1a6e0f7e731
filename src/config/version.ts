import { readFileSync } from 'node:fs';

/** What the package says of itself. */
export interface Manifest {
  readonly version: string;
  /** Of Node, as in package.json: `>=20.19`. */
  readonly node: string;
}

export function readManifest(): Manifest {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version, engines } = JSON.parse(text) as { version: string; engines: { node: string } };
  return { version, node: engines.node };
}

/** How a worker of this package names itself to the engine, which tells its version to whoever asks for pollers. */
export function workerIdentity(version: string, pid: number, host: string): string {
  return `chandler/${version} ${pid}@${host}`;
}

/** The version in the identity of a worker; nothing for one of another kind, or of before it was told. */
export function versionOfIdentity(identity: string): string | undefined {
  return /^chandler\/(\S+) /.exec(identity)?.[1];
}

/** Whether a Node is older than `minimum`, which is as in package.json. */
export function isNodeTooOld(version: string, minimum: string): boolean {
  const [have = 0, haveMinor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const [want = 0, wantMinor = 0] = minimum.replace(/^>=/, '').split('.').map(Number);
  return have < want || (have === want && haveMinor < wantMinor);
}
