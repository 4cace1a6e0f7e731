import { boundedText } from './bounded-text.ts';
import { plainText } from './terminal.ts';

/**
 * Every way a run can fail: a closed set. `retryable` tells the engine whether the same attempt may succeed later
 * without anybody's help; `advice` tells a person what to do.
 */
export const failureCodes = {
  'invalid-input': {
    retryable: false,
    advice: 'Correct the listed problems in the plan; `chandler validate PLAN` checks it.',
  },
  'host-unreachable': {
    retryable: true,
    advice: 'Check that the host is up and that host, port and network path are right.',
  },
  'host-key-unknown': {
    retryable: false,
    advice:
      "Add the host's key to the worker's known_hosts, pin it with target.hostKey: SHA256:…, or set target.hostKey: accept-new.",
  },
  'host-key-mismatch': {
    retryable: false,
    advice:
      'The host answered with another key than the recorded one. If it was rebuilt, replace the recorded key; otherwise somebody may be in between.',
  },
  'auth-failed': {
    retryable: false,
    advice: "Check target.user and that the identity's public key is in its authorized_keys.",
  },
  'become-failed': {
    retryable: false,
    advice:
      'Let the login user use sudo without a password (NOPASSWD in sudoers), or log in as root without target.become.',
  },
  'identity-unavailable': {
    retryable: false,
    advice:
      "Put the identity where the worker may read it (CHANDLER_IDENTITIES), or load it into the worker's agent.",
  },
  'connection-lost': {
    retryable: true,
    advice: 'The connection broke; what runs on the host goes on and is asked again.',
  },
  'channel-refused': {
    retryable: true,
    advice: 'The host refused another session; raise MaxSessions in its sshd_config or wait.',
  },
  'host-unsupported': {
    retryable: false,
    advice: 'The host lacks something that is needed; install it or use another image.',
  },
  'disk-full': {
    retryable: false,
    advice: "Free space on the host's disk, then start the run again or retry the step.",
  },
  'state-directory-unwritable': {
    retryable: false,
    advice: 'Make the state directory writable for the login user, or log in as another user.',
  },
  'lease-held': {
    retryable: false,
    advice: 'Another workflow provisions this host. Wait for it, or abort it; then start again.',
  },
  'bootstrap-timeout': {
    retryable: false,
    advice:
      'The bootstrap marker never appeared. Look at what the host does at boot, or raise bootstrap.timeout.',
  },
  'zmx-unavailable': {
    retryable: false,
    advice: 'zmx could not be installed. Choose another zmx.source (release, file, tmux) or give zmx.url.',
  },
  'zmx-checksum': {
    retryable: false,
    advice: 'The zmx archive is not the expected one and was not run. Check zmx.url, or override zmx.sha256.',
  },
  'launch-conflict': {
    retryable: false,
    advice: 'A session of that name is busy and not ours. End it on the host, then retry the step.',
  },
  'launch-not-started': {
    retryable: true,
    advice: "The session's shell never began the step; it is started again.",
  },
  'step-failed': {
    retryable: false,
    advice: 'Attach to the session to look around, fix it, then retry or skip the step.',
  },
  'step-timeout': {
    retryable: false,
    advice: "Raise the step's timeout, or find out in its log what it waits for; then retry.",
  },
  'step-interrupted': {
    retryable: false,
    advice: 'The step was cut short on the host (killed, or the host rebooted). Look at its log, then retry.',
  },
  'finalizer-failed': {
    retryable: false,
    advice: 'Read the log of the finalizer, fix the cause, then retry its step.',
  },
  'script-failed': {
    retryable: false,
    advice:
      "Read the script's log on the host, fix the cause, start the script again there, then watch again.",
  },
  'sentinel-missing': {
    retryable: false,
    advice:
      'The sentinel could not be written or read back. Check sentinel.path, who may write there, and the disk of the host.',
  },
  'secret-unavailable': {
    retryable: false,
    advice:
      'Put the secret where the worker may read it (CHANDLER_SECRETS_DIR or CHANDLER_SECRET_ variables).',
  },
  'log-unavailable': {
    retryable: false,
    advice: 'There is no such log on the host (not started yet, or pruned).',
  },
  'notification-failed': {
    retryable: true,
    advice: "Check the worker's CHANDLER_NOTIFY_COMMAND or CHANDLER_NOTIFY_URL; it is tried again for a day.",
  },
  'parked-too-long': {
    retryable: false,
    advice: 'Nobody acted on the parked step in time. Start the run again.',
  },
  'no-worker': {
    retryable: true,
    advice: 'Start a worker on that task queue: chandler worker',
  },
  'internal-error': {
    retryable: true,
    advice: "A fault of Chandler or of the worker's machine: the worker's log tells more.",
  },
  aborted: {
    retryable: false,
    advice:
      'The run was ended, with everything that still ran. Services that finished steps left running were not.',
  },
} as const satisfies Record<string, { retryable: boolean; advice: string }>;

/** The name of a way to fail. */
export type FailureCode = keyof typeof failureCodes;

/** More about a failure, for people and for programs; never a secret. */
export interface FailureFacts {
  readonly step?: string;
  readonly host?: string;
  readonly exitCode?: number;
  /** The end of the step's log, at most 4 096 bytes of it, secrets starred. */
  readonly logTail?: string;
  /** What is wrong with a plan, each at its path. */
  readonly problems?: readonly { readonly path: string; readonly message: string }[];
  /** Replaces the code's own advice where more is known. */
  readonly advice?: string;
}

/** A list of every problem of a plan fits; what a host says is cut further at the activity boundary. Characters. */
export const MAX_MESSAGE_LENGTH = 128 * 1024;

/**
 * The one error class of the project; `code` tells failures apart. Much of what it tells comes from hosts, so that is plain
 * text without control sequences, and bounded (131 072 characters).
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

  /** Whether the same attempt may succeed later without anybody's help. */
  get retryable(): boolean {
    return failureCodes[this.code].retryable;
  }

  /** What a person can do: one line, of the facts or else of the code. */
  get advice(): string {
    return showable(this.facts.advice ?? failureCodes[this.code].advice);
  }
}

/** What an error says; node's AggregateError (one try per address) says nothing itself. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

/** What an error says and, because libraries hide why one cause deeper ("fetch failed"), what its cause says. */
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
