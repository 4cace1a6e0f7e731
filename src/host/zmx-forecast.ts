import { ChandlerError, type FailureCode } from '../domain/run/failure.ts';
import { fileContent, shimContent, wantedRelease, type ZmxSource } from './install-zmx.ts';
import type { HostReport } from './host-report.ts';
import { keyOf, type ZmxContent } from './zmx-transfer.ts';
import { mergeSpecs, usableZmx } from './zmx-spec.ts';

/** What `installZmx` would do on a host, as far as that can be known without doing it. */
export type ZmxForecast =
  /** The host has a suitable zmx. */
  | { readonly kind: 'there'; readonly path: string; readonly version?: string }
  | { readonly kind: 'install'; readonly what: string; readonly from: string }
  | {
      readonly kind: 'fails';
      readonly code: FailureCode;
      readonly message: string;
      readonly advice: string;
    };

/** Makes the same decisions as `installZmx`. */
export async function forecastZmx(report: HostReport, source: ZmxSource): Promise<ZmxForecast> {
  try {
    return await decide(report, source);
  } catch (error) {
    if (!(error instanceof ChandlerError)) throw error;
    return { kind: 'fails', code: error.code, message: error.message, advice: error.advice };
  }
}

async function decide(report: HostReport, source: ZmxSource): Promise<ZmxForecast> {
  const { facts } = report;
  const choice = mergeSpecs(source.spec, source.defaults);
  if (choice.source === 'release') {
    const found = usableZmx(facts, choice);
    if (found) return { kind: 'there', path: found.path, version: found.version };
    const { version, url, sha256 } = wantedRelease(facts, choice);
    const ready = readyPath(report, keyOf(version, sha256));
    if (ready !== undefined) return { kind: 'there', path: ready, version };
    requireRoom(report, 'archive');
    const fetches = facts.tools.includes('curl') || facts.tools.includes('wget');
    const who = fetches ? '' : ', pushed by the worker: the host has neither curl nor wget';
    return { kind: 'install', what: `zmx ${version}`, from: `${url} (sha256 ${sha256.slice(0, 12)}…)${who}` };
  }
  const content = choice.source === 'file' ? await fileContent(source, choice) : shimContent(facts);
  const ready = readyPath(report, keyOf(content.prefix, content.sha256));
  if (ready !== undefined) return { kind: 'there', path: ready };
  if (content.kind === 'binary' && facts.zmx && report.zmxSha256 === content.sha256)
    return { kind: 'there', path: facts.zmx.path };
  requireRoom(report, content.kind);
  return choice.source === 'file'
    ? { kind: 'install', what: `zmx (${choice.file})`, from: "the worker's zmx directory" }
    : { kind: 'install', what: 'the zmx shim over tmux', from: 'the worker' };
}

function readyPath({ facts, zmxReady }: HostReport, key: string): string | undefined {
  return zmxReady.includes(key) ? `${facts.stateDir}/zmx/${key}/zmx` : undefined;
}

/** Checks for failures that the installation would encounter. */
function requireRoom({ facts, state }: HostReport, kind: ZmxContent['kind']): void {
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
