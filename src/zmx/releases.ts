import { ChandlerError } from '../domain/run/failure.ts';
import { compareVersions, oldestVersion } from './zmx-version.ts';

type Cpu = 'x86_64' | 'aarch64';

/** An archive that holds one file, `zmx`, and the sha256 that it must have. */
export interface ZmxRelease {
  readonly version: string;
  readonly url: string;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

export interface ReleaseRequest {
  /** Default: {@link defaultVersion}. */
  readonly version?: string | undefined;
  /** The output of `uname -m`. */
  readonly arch: string;
  /** The URL of the archive, if not its usual place. */
  readonly url?: string | undefined;
  /** The sha256 of the archive, if not the pinned one. */
  readonly sha256?: string | undefined;
}

/** The newest version whose behaviour was recorded from the real program (test/fixtures/zmx). */
export const defaultVersion = '0.7.0';

const SITE = 'https://zmx.sh/a/';
const GITHUB = 'https://github.com/neurosnap/zmx/releases/download/';
export const releasePlaces: readonly string[] = [SITE, GITHUB];
/** Hosts that GitHub redirects downloads of releases to. */
export const githubAssets: readonly string[] = [
  'https://objects.githubusercontent.com/',
  'https://release-assets.githubusercontent.com/',
];

/** The hashes are quoted from the author's Homebrew tap; those of 0.6.0 from the GitHub release. */
const PINNED: Readonly<Record<string, Readonly<Record<Cpu, string>>>> = {
  '0.8.1': {
    x86_64: 'dfd75720b942466f28870731cc86dbc07afa72fb8f3bd5eeb4ff707e4eecebe8',
    aarch64: '943eb44c812333fd450da12097521afd3339436e86f8c2ac618b905c4c9ece68',
  },
  '0.7.0': {
    x86_64: '8b8783d7b120c9ffd0acf4aee37969054dc0dfef3c4f3a4728d2efd35f2e97a0',
    aarch64: '77599f66124694fae80bbb1d2fa0eafdb8c648b427a048cad90513ecf6136fc9',
  },
  '0.6.0': {
    x86_64: '309d913b982ae16eac2a854f411de40eccc0b64afed892aa02a0be351f0271c1',
    aarch64: 'c23f4b4ca80e144e329d042b91aae4859d23217ab07076b383af4134d97faac5',
  },
  '0.5.0': {
    x86_64: '4cc1f6b854dccdcabae4cb91bd0379a23e6f8210048af5d81e0661e594a50c28',
    aarch64: 'ca8b976883bd6dd6a147d9140fd6f625ec2910cb3a7210821a4b2858d0fc9d5c',
  },
};

/** Maps the output of `uname -m` to the name of the CPU in zmx's archives. */
export const zmxArchitectures: Readonly<Record<string, Cpu>> = {
  x86_64: 'x86_64',
  amd64: 'x86_64',
  aarch64: 'aarch64',
  arm64: 'aarch64',
};

/**
 * Returns the archive for a host. A custom `url` with its own `sha256` is accepted for any CPU and version.
 *
 * @throws ChandlerError host-unsupported for a CPU without a zmx release; zmx-unavailable for a version that is too old, or whose
 * hash is not pinned
 */
export function releaseFor(request: ReleaseRequest): ZmxRelease {
  const { version = defaultVersion, arch, url, sha256 } = request;
  if (compareVersions(version, oldestVersion) < 0) {
    throw new ChandlerError('zmx-unavailable', `zmx ${version} is too old`, {
      facts: { advice: `Set zmx.version to ${oldestVersion} or newer, or leave it out.` },
    });
  }
  if (url !== undefined && sha256 !== undefined) return { version, url, sha256 };
  const cpu = Object.hasOwn(zmxArchitectures, arch) ? zmxArchitectures[arch] : undefined;
  if (cpu === undefined) {
    throw new ChandlerError('host-unsupported', `there is no zmx release for the CPU ${arch}`, {
      facts: { advice: 'Set zmx.source: tmux, or give zmx.url and zmx.sha256 of an archive for this CPU.' },
    });
  }
  const expected = sha256 ?? (Object.hasOwn(PINNED, version) ? PINNED[version]?.[cpu] : undefined);
  if (expected === undefined) {
    throw new ChandlerError('zmx-unavailable', `the sha256 of zmx ${version} for ${cpu} is not known`, {
      facts: {
        advice: `Give zmx.sha256 (or CHANDLER_ZMX_SHA256 on the worker), or choose one of ${Object.keys(PINNED).join(', ')}.`,
      },
    });
  }
  return { version, url: url ?? archiveOf(version, cpu), sha256: expected };
}

/** The site's archive of 0.6.0 was replaced more than once, so it is fetched from where its hash is stable. */
function archiveOf(version: string, cpu: Cpu): string {
  const directory = version === '0.6.0' ? `${GITHUB}v${version}/` : SITE;
  return `${directory}zmx-${version}-linux-${cpu}.tar.gz`;
}
