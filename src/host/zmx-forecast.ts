import { ChandlerError, type FailureCode } from '../domain/failure.ts';
import { fileContent, shimContent, wantedRelease, type ZmxSource } from './install-zmx.ts';
import type { HostLook } from './inspect.ts';
import { keyOf, type ZmxContent } from './zmx-transfer.ts';
import { mergeSpecs, usableZmx } from './zmx-wish.ts';

/** What `installZmx` would come to on a host, as far as can be told without doing it. */
export type ZmxForecast =
  /** One that will do is there. */
  | { readonly kind: 'there'; readonly path: string; readonly version?: string }
  | { readonly kind: 'install'; readonly what: string; readonly from: string }
  | {
      readonly kind: 'fails';
      readonly code: FailureCode;
      readonly message: string;
      readonly advice: string;
    };

/** Decides as `installZmx` does. */
export async function forecastZmx(look: HostLook, source: ZmxSource): Promise<ZmxForecast> {
  try {
    return await decide(look, source);
  } catch (error) {
    if (!(error instanceof ChandlerError)) throw error;
    return { kind: 'fails', code: error.code, message: error.message, advice: error.advice };
  }
}

async function decide(look: HostLook, source: ZmxSource): Promise<ZmxForecast> {
  const { facts } = look;
  const wish = mergeSpecs(source.spec, source.defaults);
  if (wish.source === 'release') {
    const found = usableZmx(facts, wish);
    if (found) return { kind: 'there', path: found.path, version: found.version };
    const { version, url, sha256 } = wantedRelease(facts, wish);
    const ready = readyPath(look, keyOf(version, sha256));
    if (ready !== undefined) return { kind: 'there', path: ready, version };
    requireRoom(look, 'archive');
    const fetches = facts.tools.includes('curl') || facts.tools.includes('wget');
    const who = fetches ? '' : ', pushed by the worker: the host has neither curl nor wget';
    return { kind: 'install', what: `zmx ${version}`, from: `${url} (sha256 ${sha256.slice(0, 12)}…)${who}` };
  }
  const content = wish.source === 'file' ? await fileContent(source, wish) : shimContent(facts);
  const ready = readyPath(look, keyOf(content.prefix, content.sha256));
  if (ready !== undefined) return { kind: 'there', path: ready };
  if (content.kind === 'binary' && facts.zmx && look.zmxSha256 === content.sha256)
    return { kind: 'there', path: facts.zmx.path };
  requireRoom(look, content.kind);
  return wish.source === 'file'
    ? { kind: 'install', what: `zmx (${wish.file})`, from: "the worker's zmx directory" }
    : { kind: 'install', what: 'the zmx shim over tmux', from: 'the worker' };
}

function readyPath({ facts, zmxReady }: HostLook, key: string): string | undefined {
  return zmxReady.includes(key) ? `${facts.stateDir}/zmx/${key}/zmx` : undefined;
}

/** What the installation would find out for itself. */
function requireRoom({ facts, state }: HostLook, kind: ZmxContent['kind']): void {
  if (state.noexec)
    throw new ChandlerError(
      'zmx-unavailable',
      `programs cannot be run from ${facts.stateDir} (mounted noexec)`,
    );
  if (kind === 'archive' && !facts.tools.includes('tar'))
    throw new ChandlerError('host-unsupported', 'the host has no tar to unpack zmx with', {
      facts: { advice: 'Install tar on the host, or set zmx.source: tmux.' },
    });
}
