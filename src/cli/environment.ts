/** The environment variables of commands. docs/worker.md has those of a worker. */
export const environmentTexts = {
  TEMPORAL_ADDRESS:
    'HOST:PORT of the Temporal server; default: the running `chandler dev`, then 127.0.0.1:7233',
  TEMPORAL_NAMESPACE: 'its namespace; default: default',
  TEMPORAL_API_KEY: 'sent to the server',
  'TEMPORAL_TLS_…, TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE': 'as the Temporal CLI reads them',
  CHANDLER_TASK_QUEUE: 'the task queue that the workers serve; default: chandler',
  'CHANDLER_IDENTITIES, CHANDLER_KNOWN_HOSTS, CHANDLER_SECRETS_…, CHANDLER_ZMX_…':
    'where the worker finds keys, secrets and zmx: see docs/worker.md',
  'CHANDLER_KNOWN_HOSTS, CHANDLER_SECRETS_…, CHANDLER_ZMX_…':
    'where the worker finds known hosts, secrets and zmx: see docs/worker.md',
  CHANDLER_LOG_LEVEL: 'trace, debug, info (default), warn, error or silent: of the worker',
  'CHANDLER_MAX_WAITS, CHANDLER_MAX_SHORT_ACTIVITIES, CHANDLER_SLOTS':
    'how many activities the worker runs at once: see docs/worker.md',
  CHANDLER_SHUTDOWN_GRACE_MS: 'how long activities may take to end when the worker stops; default: 2000',
  XDG_STATE_HOME: 'where `dev` and `sandbox` keep what they need; default: ~/.local/state',
  CHANDLER_DEBUG: 'when set, errors come with their stack trace',
  NO_COLOR: 'when set, nothing is coloured',
} as const;

export type EnvironmentName = keyof typeof environmentTexts;

/** The variables of every command that connects to the server. */
export const SERVER_ENVIRONMENT = [
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'TEMPORAL_API_KEY',
  'TEMPORAL_TLS_…, TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE',
  'CHANDLER_TASK_QUEUE',
] as const satisfies readonly EnvironmentName[];
