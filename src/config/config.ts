import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { ChandlerError, messageOf } from '../domain/failure.ts';
import { notifiedEvents, type NotifiedEvent } from '../domain/notification.ts';
import { timing } from '../domain/timing.ts';
import { plainWords } from '../domain/validate.ts';

/** How to reach the engine. */
export interface TemporalConfig {
  readonly address: string | undefined;
  readonly namespace: string;
  readonly taskQueue: string;
  /** What that address asks of a caller. */
  readonly credentials: TemporalCredentials;
}

/** TLS, API key and headers of a connection to the engine. */
export type TemporalCredentials = Pick<
  ClientConnectConfig['connectionOptions'],
  'tls' | 'apiKey' | 'metadata'
>;

/** Where a worker may look things up for a plan. A plan names things; only these places are read. */
export interface Places {
  /** Directories of private keys. */
  readonly identityDirs: readonly string[];
  readonly agentSocket: string | undefined;
  /** OpenSSH known_hosts files; the first is the one that accept-new writes to. */
  readonly knownHostsFiles: readonly string[];
  /** Directory of files that `file:NAME` secrets name. */
  readonly secretsDir: string | undefined;
  /** `env:NAME` reads the variable of this prefix and NAME. */
  readonly secretsPrefix: string;
  /** Directory of zmx binaries for `zmx.source: file`. */
  readonly zmxDir: string | undefined;
}

export interface WorkerVersioning {
  readonly deploymentName: string;
  readonly buildId: string;
  /** `PINNED`: a run ends on the build it began with. `AUTO_UPGRADE`: it goes on with the current one. */
  readonly behavior: 'PINNED' | 'AUTO_UPGRADE';
}

export interface NotifyConfig {
  /** A shell command that gets the notification as JSON on its standard input. */
  readonly command?: string;
  /** Where the notification is posted to as JSON. */
  readonly url?: string;
  /** The `Authorization` header of that request. */
  readonly authorization?: string;
  readonly events: readonly NotifiedEvent[];
  /** Variables that begin so are kept from the command. */
  readonly secretsPrefix: string;
}

export interface WorkerConfig {
  /** The address of the UI, for links to runs. */
  readonly uiUrl: string | undefined;
  readonly temporal: TemporalConfig;
  readonly places: Places;
  /** What a plan gets that does not say. */
  readonly zmx: {
    readonly source?: 'release' | 'file' | 'tmux';
    readonly version?: string;
    readonly url?: string;
    readonly sha256?: string;
    readonly file?: string;
  };
  /** Set when this worker serves one build of a deployment only (Temporal's Worker Versioning). */
  readonly versioning: WorkerVersioning | undefined;
  /** How people are told of what happens to runs. */
  readonly notify: NotifyConfig;
  readonly logLevel: string;
  /** Milliseconds that activities get to end by themselves when the worker stops. */
  readonly shutdownGraceMs: number;
}

const httpUrl = z
  .string()
  .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), 'must be an http or https address');

const envSchema = z.object({
  CHANDLER_TASK_QUEUE: z.string().default('chandler'),
  CHANDLER_IDENTITIES: z.string().optional(),
  CHANDLER_KNOWN_HOSTS: z.string().optional(),
  CHANDLER_SECRETS_DIR: z.string().optional(),
  CHANDLER_SECRETS_PREFIX: z.string().default('CHANDLER_SECRET_'),
  CHANDLER_ZMX_SOURCE: z.enum(['release', 'file', 'tmux']).optional(),
  CHANDLER_ZMX_VERSION: z.string().optional(),
  CHANDLER_ZMX_URL: z.string().optional(),
  CHANDLER_ZMX_SHA256: z.string().optional(),
  CHANDLER_ZMX_FILE: z.string().optional(),
  CHANDLER_ZMX_DIR: z.string().optional(),
  CHANDLER_DEPLOYMENT_NAME: z.string().optional(),
  CHANDLER_BUILD_ID: z.string().optional(),
  CHANDLER_VERSIONING_BEHAVIOR: z.enum(['PINNED', 'AUTO_UPGRADE']).default('PINNED'),
  CHANDLER_NOTIFY_COMMAND: z.string().optional(),
  CHANDLER_NOTIFY_URL: httpUrl.optional(),
  CHANDLER_NOTIFY_AUTHORIZATION: z.string().optional(),
  CHANDLER_NOTIFY_EVENTS: z
    .string()
    .transform((text) => text.split(',').map((word) => word.trim()))
    .pipe(z.array(z.enum(notifiedEvents)))
    .default([...notifiedEvents]),
  CHANDLER_UI_URL: httpUrl.optional(),
  CHANDLER_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  CHANDLER_SHUTDOWN_GRACE_MS: z.coerce.number().int().min(0).default(timing.shutdownGraceMs),
  SSH_AUTH_SOCK: z.string().optional(),
});

/**
 * Reads the configuration from environment variables; how to reach the engine as the Temporal CLI does, also from the
 * profile in its file (TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE).
 *
 * @throws ChandlerError invalid-input, naming each variable that is wrong
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): WorkerConfig {
  // A variable that is set to nothing is as good as not set: compose files do that.
  const set = Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
    ),
  );
  const result = envSchema.safeParse(set, { error: plainWords });
  if (!result.success) {
    const problems = result.error.issues.map((issue) => ({
      path: issue.path.join('.'),
      message: issue.message,
    }));
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
      secretsDir: value.CHANDLER_SECRETS_DIR,
      secretsPrefix: value.CHANDLER_SECRETS_PREFIX,
      zmxDir: value.CHANDLER_ZMX_DIR,
    },
    zmx: {
      ...(value.CHANDLER_ZMX_SOURCE && { source: value.CHANDLER_ZMX_SOURCE }),
      ...(value.CHANDLER_ZMX_VERSION && { version: value.CHANDLER_ZMX_VERSION }),
      ...(value.CHANDLER_ZMX_URL && { url: value.CHANDLER_ZMX_URL }),
      ...(value.CHANDLER_ZMX_SHA256 && { sha256: value.CHANDLER_ZMX_SHA256 }),
      ...(value.CHANDLER_ZMX_FILE && { file: value.CHANDLER_ZMX_FILE }),
    },
    versioning: readVersioning(value),
    notify: {
      ...(value.CHANDLER_NOTIFY_COMMAND !== undefined && { command: value.CHANDLER_NOTIFY_COMMAND }),
      ...(value.CHANDLER_NOTIFY_URL !== undefined && { url: value.CHANDLER_NOTIFY_URL }),
      ...(value.CHANDLER_NOTIFY_AUTHORIZATION !== undefined && {
        authorization: value.CHANDLER_NOTIFY_AUTHORIZATION,
      }),
      events: value.CHANDLER_NOTIFY_EVENTS,
      secretsPrefix: value.CHANDLER_SECRETS_PREFIX,
    },
    uiUrl: value.CHANDLER_UI_URL?.replace(/\/+$/, ''),
    logLevel: value.CHANDLER_LOG_LEVEL,
    shutdownGraceMs: value.CHANDLER_SHUTDOWN_GRACE_MS,
  };
}

function readVersioning(value: z.output<typeof envSchema>): WorkerVersioning | undefined {
  const { CHANDLER_DEPLOYMENT_NAME: deploymentName, CHANDLER_BUILD_ID: buildId } = value;
  if (deploymentName === undefined && buildId === undefined) return undefined;
  if (deploymentName !== undefined && buildId !== undefined) {
    return { deploymentName, buildId, behavior: value.CHANDLER_VERSIONING_BEHAVIOR };
  }
  throw new ChandlerError(
    'invalid-input',
    'CHANDLER_DEPLOYMENT_NAME and CHANDLER_BUILD_ID make sense together only: set both or none',
  );
}

function list(text: string | undefined): string[] | undefined {
  const parts = text?.split(delimiter).filter((part) => part !== '');
  return parts && parts.length > 0 ? parts : undefined;
}

function loadTemporal(env: Record<string, string>): Omit<TemporalConfig, 'taskQueue'> {
  try {
    const { connectionOptions, namespace = 'default' } = loadClientConnectConfig({ overrideEnvVars: env });
    const { address, tls, apiKey, metadata } = connectionOptions;
    const credentials = {
      ...(tls !== undefined && { tls }),
      ...(apiKey !== undefined && { apiKey }),
      ...(metadata !== undefined && { metadata }),
    };
    return { address, namespace, credentials };
  } catch (cause) {
    const reason = messageOf(cause);
    throw new ChandlerError('invalid-input', `the settings of Temporal are not valid: ${reason}`, { cause });
  }
}
