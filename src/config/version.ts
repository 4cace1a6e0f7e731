import { readFileSync } from 'node:fs';

/** The package's own version, and the Node that it needs: `>=20.19`. */
export function readManifest(): { version: string; node: string } {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version, engines } = JSON.parse(text) as { version: string; engines: { node: string } };
  return { version, node: engines.node };
}

/** The identity of a worker on the server, which lists it with the pollers: it carries the version. */
export function workerIdentity(version: string, pid: number, host: string): string {
  return `chandler/${version} ${pid}@${host}`;
}

/** The version in the identity of a worker; undefined if another program made the identity. */
export function versionOfIdentity(identity: string): string | undefined {
  return /^chandler\/(\S+) /.exec(identity)?.[1];
}

export function isNodeTooOld(version: string, minimum: string): boolean {
  const [have = 0, haveMinor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const [want = 0, wantMinor = 0] = minimum.replace(/^>=/, '').split('.').map(Number);
  return have < want || (have === want && haveMinor < wantMinor);
}
