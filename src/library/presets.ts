import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { ChandlerError } from '../domain/run/failure.ts';
import type { Plan, Step } from '../domain/plan/schema.ts';

/** What a host of the pixels preset may reach: everything, what a coding agent needs, or a list and nothing else. */
export type PixelsEgress = 'unrestricted' | 'agent' | 'allowlist';

/** What to install on a host for coding agents, and what it may reach. */
export interface PixelsOptions {
  /** Default: unrestricted. */
  readonly egress?: PixelsEgress;
  /** Whether the agents and their tools are installed. Default: true. */
  readonly devtools?: boolean;
  /**
   * Names of hosts that may be reached, in addition to those of an agent. With `allowlist`, only these; default: the list of
   * preset `egress`.
   */
  readonly allow?: readonly string[];
}

/** A plan without a target. */
export type Preset = Omit<Plan, 'target'>;

/** Absolute paths on a host. */
export interface PresetPaths {
  readonly sentinel?: string;
  readonly provisionScript?: string;
  readonly log?: string;
}

/** Plans that are files of their own, under presets/. */
const FILES = ['pixels', 'docker', 'toolchain', 'egress'] as const;

/** The hosts that a coding agent needs: its model's API, package registries, and git. */
const AGENT_NAMES = [
  'api.anthropic.com',
  'statsig.anthropic.com',
  'api.openai.com',
  'auth.openai.com',
  'chatgpt.com',
  'opencode.ai',
  'models.dev',
  'registry.npmjs.org',
  'pypi.org',
  'files.pythonhosted.org',
  'proxy.golang.org',
  'sum.golang.org',
  'static.crates.io',
  'index.crates.io',
  'deb.debian.org',
  'security.debian.org',
  'github.com',
  'api.github.com',
  'codeload.github.com',
  'raw.githubusercontent.com',
  'objects.githubusercontent.com',
];

/** Ready-made plans. On the command line each is `preset:NAME`, for example `chandler up preset:docker --target root@host`. */
export const presets = {
  /** `pixels`, `docker`, … */
  names: [...FILES, 'pixels-agent', 'pixels-allowlist'] as readonly string[],

  /**
   * Returns a preset by its name.
   *
   * @throws ChandlerError invalid-input, naming the presets
   */
  plan(name: string): Preset {
    if ((FILES as readonly string[]).includes(name)) return read(name);
    const egress = /^pixels-(agent|allowlist)$/.exec(name)?.[1] as PixelsEgress | undefined;
    if (egress) return { ...read('pixels'), name, steps: presets.pixels({ egress }) };
    throw new ChandlerError(
      'invalid-input',
      `there is no preset "${name}"; the presets are ${presets.names.join(', ')}`,
    );
  },

  /**
   * Returns the paths of files on a preset's host that its plan does not contain. Empty for most presets; the pixels presets have
   * paths for {@link RunnerPaths}, {@link ScriptOptions.log} and {@link formatScript}.
   */
  paths(name: string): PresetPaths {
    if (!/^pixels(?=$|-)/.test(name)) return {};
    return {
      sentinel: '/root/.pixels-provisioned',
      provisionScript: '/usr/local/bin/pixels-provision.sh',
      log: '/var/log/pixels-provision.log',
    };
  },

  /**
   * Returns the steps of a host for coding agents: `px-devtools`, then, unless egress is unrestricted, `px-egress` with its
   * finalizer.
   *
   * @throws ChandlerError invalid-input for an empty allowlist
   */
  pixels({ egress = 'unrestricted', devtools = true, allow }: PixelsOptions = {}): Step[] {
    const tools = devtools ? read('pixels').steps : [];
    if (egress === 'unrestricted') return tools;
    const [rules] = read('egress').steps;
    if (!rules) throw new TypeError('the preset egress has no step');
    const names = egress === 'agent' ? [...AGENT_NAMES, ...(allow ?? [])] : allow;
    if (names?.length === 0)
      throw new ChandlerError(
        'invalid-input',
        'allow holds no name, so that nothing at all could be reached',
      );
    const env = { ...rules.env, ...(names && { ALLOW: names.join(' ') }) };
    return [...tools, { ...rules, name: 'px-egress', env }];
  },
} as const;

function read(name: string): Preset {
  return parse(readFileSync(new URL(`../../presets/${name}.yaml`, import.meta.url), 'utf8')) as Preset;
}
