import { boundedText } from '../text/bounded-text.ts';
import { plainText } from '../text/plain-text.ts';

const transient = (advice: string) => ({ retryable: true, advice });
const permanent = (advice: string) => ({ retryable: false, advice });

/**
 * Every way a run can fail: a closed set. `retryable`: the same attempt may succeed later without an operator. `advice` tells an
 * operator what to do about the cause, and holds in every state of a run; advice.ts adds what depends on the state.
 */
export const failureCodes = {
  'invalid-input': permanent('Correct the listed problems in the plan; `chandler validate PLAN` checks it.'),
  'host-unreachable': transient('Check that the host is up and that host, port and network path are right.'),
  'host-key-unknown': permanent(
    "Add the host's key to the worker's known_hosts, pin it with target.hostKey: SHA256:…, or set target.hostKey: accept-new.",
  ),
  'host-key-mismatch': permanent(
    'The host answered with another key than the recorded one. If it was rebuilt, replace the recorded key; otherwise the connection may be intercepted.',
  ),
  'auth-failed': permanent(
    "Check target.user, that the identity's public key is in its authorized_keys, and that the account is neither locked nor expired; the log of sshd on the host says why.",
  ),
  'become-failed': permanent(
    'Let the login user use sudo without a password (NOPASSWD in sudoers), or log in as root without target.become.',
  ),
  'identity-unavailable': permanent(
    "Put the identity where the worker may read it (CHANDLER_IDENTITIES), or load it into the worker's agent.",
  ),
  'connection-lost': transient('Check the network path to the host, and its sshd.'),
  'login-interferes': permanent(
    "Let the login of target.user run Chandler's commands: look for exit or exec in the startup file of its shell, and for a forced command in sshd_config and authorized_keys.",
  ),
  'channel-refused': transient('The host refused another session: raise MaxSessions in its sshd_config.'),
  'host-unsupported': permanent('The host lacks something that is needed; install it or use another image.'),
  'disk-full': permanent("Free space on the host's disk, or inodes (df -i)."),
  'state-directory-unwritable': permanent(
    'Make the state directory writable for the login user, or log in as another user.',
  ),
  'lease-held': permanent('Another run provisions this host. Wait for it, or abort it.'),
  'leftovers-found': permanent(
    'End what an earlier run left on the host with `chandler clean TARGET --end`, or set onLeftovers: end in the plan.',
  ),
  'bootstrap-timeout': permanent('Check what the host does at its first boot, or raise bootstrap.timeout.'),
  'bootstrap-failed': permanent(
    'Correct the user-data of the host: `cloud-init status --long` and /var/log/cloud-init-output.log there have more.',
  ),
  'zmx-unavailable': permanent(
    'zmx could not be installed. Choose another zmx.source (release, file, tmux) or set zmx.url.',
  ),
  'zmx-checksum': permanent(
    'The zmx archive is not the expected one and was not run. Check zmx.url, or override zmx.sha256.',
  ),
  'launch-conflict': permanent('A session of that name, not made by Chandler, is busy. End it on the host.'),
  'launch-not-started': permanent('The step never began. Check what the startup files of the login user do.'),
  'step-failed': permanent('Read the log of the step, and fix the cause.'),
  'step-timeout': permanent("Raise the step's timeout, or find out in its log what it waits for."),
  'step-unverifiable': permanent('Restore the access to the host.'),
  'step-interrupted': permanent(
    'The step was cut short on the host (killed, or the host rebooted). Read its log.',
  ),
  'finalizer-failed': permanent('Read the log of the finalizer, and fix the cause.'),
  'script-failed': permanent('Read the log of the self-provisioning script on the host, and fix the cause.'),
  'sentinel-missing': permanent(
    'The sentinel could not be written or read back. Check sentinel.path, who may write there, and the disk of the host.',
  ),
  'secret-unavailable': permanent(
    'Put the secret where the worker may read it (CHANDLER_SECRETS_DIR or CHANDLER_SECRET_ variables).',
  ),
  'file-unavailable': permanent('Put the file where the worker may read it (CHANDLER_FILES_DIR).'),
  'log-unavailable': permanent(
    'There is no such log on the host. Wait until the step has started; logs of pruned launches are gone.',
  ),
  'notification-failed': transient(
    "Check the worker's CHANDLER_NOTIFY_COMMAND or CHANDLER_NOTIFY_URL; delivery is retried for a day.",
  ),
  'parked-too-long': permanent('Fix what it waited for; parkTimeout in the plan sets how long a run waits.'),
  'no-worker': transient('Start a worker on that task queue: `chandler worker`.'),
  'internal-error': transient("A fault of Chandler or of the worker's machine: the worker's log has more."),
  aborted: permanent('`chandler clean TARGET` shows what still runs on the host, and ends it with --end.'),
};

/** The code of a failure. */
export type FailureCode = keyof typeof failureCodes;

/** Failures to get access to a host that only an operator can fix. They do not affect what runs there. */
const accessCodes: ReadonlySet<string> = new Set([
  'host-key-unknown',
  'host-key-mismatch',
  'auth-failed',
  'become-failed',
  'identity-unavailable',
  'login-interferes',
]);

/** Whether a failure is one to get access to a host. Such a failure does not affect what runs there. */
export function isAccessCode(code: FailureCode): boolean {
  return failureCodes[code].retryable || accessCodes.has(code);
}

/** Details of a failure, for people and for programs; never a secret. */
export interface FailureFacts {
  readonly step?: string;
  readonly host?: string;
  readonly exitCode?: number;
  /** The end of the step's log, at most 4 096 bytes of it, secrets masked. */
  readonly logTail?: string;
  /** Notes on the end of the launch, besides its exit code; see `notesOf`. */
  readonly notes?: readonly string[];
  /** Every problem of an invalid plan. */
  readonly problems?: readonly { readonly path: string; readonly message: string }[];
  /** Replaces the code's own advice with a more specific one. */
  readonly advice?: string;
  /** The delay before the server starts the next attempt; overrides the retry policy. */
  readonly retryAfterMs?: number;
}

/** In characters: room for every problem of a plan. Activities cut what a host prints further. */
export const MAX_MESSAGE_LENGTH = 128 * 1024;

/**
 * The only error class of the project, with a closed set of codes. Its message may come from a host, so it is plain text without
 * control sequences, and bounded (131 072 characters).
 */
export class ChandlerError extends Error {
  override readonly name = 'ChandlerError';
  readonly code: FailureCode;
  readonly facts: FailureFacts;

  /** `cause` is the error that led to this one. */
  constructor(code: FailureCode, message: string, options: { cause?: unknown; facts?: FailureFacts } = {}) {
    super(showable(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.facts = options.facts ?? {};
  }

  /** Whether the same attempt may succeed later without an operator. */
  get retryable(): boolean {
    return failureCodes[this.code].retryable;
  }

  /** What an operator can do, in one line: specific advice, or else that of the code. */
  get advice(): string {
    return showable(this.facts.advice ?? failureCodes[this.code].advice);
  }
}

/** `exit 3 (step-failed)`. The message of an aborted run begins with its code: `aborted (wrong host)`. */
export function withCode({
  code,
  message,
}: {
  readonly code: FailureCode;
  readonly message: string;
}): string {
  return message.startsWith(code) ? message : `${message} (${code})`;
}

/** The message of an error. Node's AggregateError (one error per address) has none of its own. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

/** The message of an error and of its cause, because some libraries put the reason there ("fetch failed"). */
export function reasonOf(error: unknown): string {
  const own = messageOf(error);
  return error instanceof Error && error.cause instanceof Error ? `${own}: ${messageOf(error.cause)}` : own;
}

function showable(text: string): string {
  return plainText(boundedText(text, MAX_MESSAGE_LENGTH));
}

export function isFailureCode(type: string | null | undefined): type is FailureCode {
  return typeof type === 'string' && Object.hasOwn(failureCodes, type);
}
