import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import * as z from 'zod';
import { ChandlerError, messageOf, type FailureCode } from '../domain/run/failure.ts';
import { notifiedEvents, type NotifiedEvent } from '../domain/run/notification.ts';
import { timing } from '../domain/run/timing.ts';
import type { Plan } from '../domain/plan/schema.ts';
import { issueMessage } from '../domain/plan/validate.ts';
import { releasePlaces } from '../zmx/index.ts';
import { definedOnly } from '../domain/defined-only.ts';

type ConnectionOptions = ClientConnectConfig['connectionOptions'];
export type TemporalCredentials = Pick<ConnectionOptions, 'tls' | 'apiKey' | 'metadata'>;

/** The places from which a worker reads what a plan names. It reads nothing else. */
export interface Places {
  readonly identityDirs: readonly string[];
  readonly agentSocket: string | undefined;
  /** Read only. `accept-new` records keys in a directory beside the first, see learned-hosts.ts. */
  readonly knownHostsFiles: readonly string[];
  readonly acceptNew: boolean;
  readonly secretsDir: string | undefined;
  /** Undefined: `env:NAME` reads no variable. */
  readonly secretsPrefix: string | undefined;
  /** Replaces the advice of a failure if these places do not come from a worker's environment. */
  readonly advice?: Partial<Record<FailureCode, string>>;
  readonly filesDir: string | undefined;
  readonly zmxDir: string | undefined;
  readonly zmxUrls: readonly string[];
}

export interface WorkerVersioning {
  readonly deploymentName: string;
  readonly buildId: string;
  readonly behavior: 'PINNED' | 'AUTO_UPGRADE';
}

export interface NotifyConfig {
  readonly command?: string | undefined;
  readonly url?: string | undefined;
  readonly authorization?: string | undefined;
  readonly events: readonly NotifiedEvent[];
}

export interface WorkerConfig {
  readonly uiUrl: string | undefined;
  /** How to reach the Temporal server. */
  readonly temporal: {
    readonly address: string | undefined;
    readonly namespace: string;
    readonly taskQueue: string;
    readonly credentials: TemporalCredentials;
  };
  readonly places: Places;
  /** Defaults for plans. */
  readonly zmx: NonNullable<Plan['zmx']>;
  readonly versioning: WorkerVersioning | undefined;
  readonly notify: NotifyConfig;
  readonly logLevel: string;
  /** How many activities the worker runs at once. `resources`: the SDK's resource-based tuner may allow fewer. */
  readonly slots: {
    readonly waits: number;
    readonly shortActivities: number;
    readonly by: 'number' | 'resources';
  };
  readonly shutdownGraceMs: number;
}

const text = (description: string) => z.string().optional().describe(description);
const wordsOf = <T extends z.ZodType<unknown, string>>(word: T) =>
  z
    .string()
    .transform((list) => list.split(',').map((each) => each.trim()))
    .pipe(z.array(word));
const httpUrl = z
  .string()
  .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), 'must be an http or https address');

// 2,000 waits for young steps cost the server 1,000 heartbeats a second. The default allows plans that start 64 steps at once.
const slots = (most: number, usual: number) => z.coerce.number().int().min(1).max(most).default(usual);

/** The variables that a worker reads; docs/worker.md shows names, defaults and descriptions. */
export const environmentSchema = z.object({
  CHANDLER_TASK_QUEUE: z.string().default('chandler').describe('The task queue that the worker serves.'),
  CHANDLER_IDENTITIES: text('Directories of private keys, separated by colons. Default ~/.ssh.'),
  CHANDLER_KNOWN_HOSTS: text(
    'known_hosts files, separated by colons; the worker only reads them. `accept-new` records keys in a directory named like the first file plus `.learned`. Default ~/.ssh/known_hosts.',
  ),
  CHANDLER_ALLOW_ACCEPT_NEW: z
    .enum(['true', 'false'])
    .default('true')
    .describe('`false` refuses plans with `hostKey: accept-new`.'),
  CHANDLER_SECRETS_DIR: text('The directory of the files that `file:NAME` names.'),
  CHANDLER_SECRETS_PREFIX: z
    .string()
    .default('CHANDLER_SECRET_')
    .describe('`env:NAME` reads the variable with this prefix and NAME.'),
  CHANDLER_FILES_DIR: text('The directory of the files that `from: worker:NAME` names.'),
  CHANDLER_ZMX_SOURCE: z
    .enum(['release', 'file', 'tmux'])
    .optional()
    .describe("`zmx.source` of plans that don't set it: `release`, `file` or `tmux`. Default release."),
  CHANDLER_ZMX_VERSION: text("`zmx.version` of plans that don't set it."),
  CHANDLER_ZMX_URL: text("`zmx.url` of plans that don't set it."),
  CHANDLER_ZMX_SHA256: text("`zmx.sha256` of plans that don't set it."),
  CHANDLER_ZMX_FILE: text("`zmx.file` of plans that don't set it."),
  CHANDLER_ZMX_DIR: text('The directory of binaries for `zmx.source: file`.'),
  CHANDLER_ZMX_URLS: wordsOf(httpUrl)
    .default([...releasePlaces])
    .describe(
      'URL prefixes, separated by commas: the worker fetches zmx from nowhere else. Default: the release sites of zmx.',
    ),
  CHANDLER_DEPLOYMENT_NAME: text(
    "The deployment of Temporal's Worker Versioning; set it together with the build ID.",
  ),
  CHANDLER_BUILD_ID: text('The one build that this worker serves.'),
  CHANDLER_VERSIONING_BEHAVIOR: z
    .enum(['PINNED', 'AUTO_UPGRADE'])
    .default('PINNED')
    .describe(
      '`PINNED`: runs end on the build on which they started. `AUTO_UPGRADE`: they move to the current one.',
    ),
  CHANDLER_MAX_WAITS: slots(100_000, 2000).describe('Slots for waits, one for each running step.'),
  CHANDLER_MAX_SHORT_ACTIVITIES: slots(10_000, 500).describe('Slots for all other activities.'),
  CHANDLER_SLOTS: z
    .enum(['number', 'resources'])
    .default('number')
    .describe('`resources` allows fewer slots while the machine is short of memory or CPU.'),
  CHANDLER_SHUTDOWN_GRACE_MS: z.coerce
    .number()
    .int()
    .min(0)
    .default(timing.shutdownGraceMs)
    .describe('How long activities may take to end when the worker stops.'),
  CHANDLER_NOTIFY_COMMAND: text('A shell command that gets notifications.'),
  CHANDLER_NOTIFY_URL: httpUrl.optional().describe('A webhook that gets notifications.'),
  CHANDLER_NOTIFY_EVENTS: wordsOf(z.enum(notifiedEvents))
    .default([...notifiedEvents])
    .describe(`The events to report. Default ${notifiedEvents.join(',')}.`),
  CHANDLER_NOTIFY_AUTHORIZATION: text('The `Authorization` header of the webhook.'),
  CHANDLER_UI_URL: httpUrl.optional().describe('The address of the Temporal UI, for links to runs.'),
  CHANDLER_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('`trace`, `debug`, `info`, `warn`, `error` or `silent`.'),
  SSH_AUTH_SOCK: text('The socket of the ssh-agent, for `identity: agent`.'),
});

/**
 * Reads the configuration from environment variables, and how to reach the server also from the file of the Temporal CLI
 * (TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE). @throws ChandlerError invalid-input, naming each invalid variable
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): WorkerConfig {
  // Compose files pass unset variables as empty ones.
  const set = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value ? [[name, value] as const] : [])),
  );
  const result = environmentSchema.safeParse(set, { error: issueMessage });
  if (!result.success) {
    const problems = result.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    const text = problems.map(({ path, message }) => `${path} ${message}`).join('; ');
    throw new ChandlerError('invalid-input', `the environment is not valid: ${text}`, {
      facts: { problems },
    });
  }
  const value = result.data;
  const ssh = join(homedir(), '.ssh');
  return {
    temporal: { ...loadTemporal(set), taskQueue: value.CHANDLER_TASK_QUEUE },
    places: {
      identityDirs: list(value.CHANDLER_IDENTITIES) ?? [ssh],
      agentSocket: value.SSH_AUTH_SOCK,
      knownHostsFiles: list(value.CHANDLER_KNOWN_HOSTS) ?? [join(ssh, 'known_hosts')],
      acceptNew: value.CHANDLER_ALLOW_ACCEPT_NEW === 'true',
      secretsDir: value.CHANDLER_SECRETS_DIR,
      secretsPrefix: value.CHANDLER_SECRETS_PREFIX,
      filesDir: value.CHANDLER_FILES_DIR,
      zmxDir: value.CHANDLER_ZMX_DIR,
      zmxUrls: value.CHANDLER_ZMX_URLS,
    },
    zmx: {
      source: value.CHANDLER_ZMX_SOURCE,
      version: value.CHANDLER_ZMX_VERSION,
      url: value.CHANDLER_ZMX_URL,
      sha256: value.CHANDLER_ZMX_SHA256,
      file: value.CHANDLER_ZMX_FILE,
    },
    versioning: readVersioning(value),
    notify: {
      command: value.CHANDLER_NOTIFY_COMMAND,
      url: value.CHANDLER_NOTIFY_URL,
      authorization: value.CHANDLER_NOTIFY_AUTHORIZATION,
      events: value.CHANDLER_NOTIFY_EVENTS,
    },
    uiUrl: value.CHANDLER_UI_URL?.replace(/\/+$/, ''),
    logLevel: value.CHANDLER_LOG_LEVEL,
    slots: {
      waits: value.CHANDLER_MAX_WAITS,
      shortActivities: value.CHANDLER_MAX_SHORT_ACTIVITIES,
      by: value.CHANDLER_SLOTS,
    },
    shutdownGraceMs: value.CHANDLER_SHUTDOWN_GRACE_MS,
  };
}

function readVersioning(value: z.output<typeof environmentSchema>): WorkerVersioning | undefined {
  const { CHANDLER_DEPLOYMENT_NAME: deploymentName, CHANDLER_BUILD_ID: buildId } = value;
  if (deploymentName === undefined && buildId === undefined) return undefined;
  if (deploymentName !== undefined && buildId !== undefined) {
    return { deploymentName, buildId, behavior: value.CHANDLER_VERSIONING_BEHAVIOR };
  }
  throw new ChandlerError(
    'invalid-input',
    'CHANDLER_DEPLOYMENT_NAME and CHANDLER_BUILD_ID belong together: set both or none',
  );
}

function list(text: string | undefined): string[] | undefined {
  const parts = text?.split(delimiter).filter((part) => part !== '');
  return parts && parts.length > 0 ? parts : undefined;
}

function loadTemporal(env: Record<string, string>): Omit<WorkerConfig['temporal'], 'taskQueue'> {
  try {
    const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({ overrideEnvVars: env });
    const { address, tls, apiKey, metadata } = connectionOptions;
    return { address, namespace, credentials: definedOnly({ tls, apiKey, metadata }) };
  } catch (cause) {
    const reason = messageOf(cause);
    throw new ChandlerError('invalid-input', `invalid Temporal settings: ${reason}`, { cause });
  }
}
