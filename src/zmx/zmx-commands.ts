import { ChandlerError } from '../domain/run/failure.ts';
import { quote, sh, type Command, type Word } from '../shell/index.ts';

/** A zmx on a host and the directory of its sockets. */
export interface ZmxPlace {
  /** Absolute path of the program. */
  readonly zmxPath: string;
  /** The fixed ZMX_DIR. Without it zmx would use XDG_RUNTIME_DIR, which differs between logins and so hides sessions. */
  readonly zmxDir: string;
}

/** The limit for the path of a unix socket, in bytes. With a longer path zmx prints a message and exits 0 without a session. */
const SOCKET_PATH_BYTES = 107;

/** `zmx list`: one row per session. */
export function listCommand(place: ZmxPlace): Command {
  return zmx(place, 'list');
}

/** The screen and scrollback of a session: a view, not the log. */
export function historyCommand(place: ZmxPlace, session: string): Command {
  return zmx(place, 'history', safeName(place, session));
}

/**
 * The whole command that a person types on the host, in any shell. It checks that the session exists, because `zmx attach` would
 * create a new one. `become` is the prefix that runs a command as another user, e.g. `sudo`.
 */
export function attachHint(
  options: ZmxPlace & { readonly session: string; readonly become?: string | undefined },
): string {
  const { zmxPath, zmxDir, become } = options;
  const session = quote(safeName(options, options.session));
  const call = `${become === undefined ? '' : `${become} `}env ZMX_DIR=${quote(zmxDir)} ${quote(zmxPath)}`;
  return `${call} list --short | grep -qxF ${session} && ${call} attach ${session} || echo no session ${session} any more`;
}

// ZMX_SESSION would turn `attach` into a switch, and a prefix would rename the session; the empty HISTFILE keeps typed secrets
// out of the shell's history.
function zmx(place: ZmxPlace, ...words: Word[]): Command {
  const environment = [
    '-u',
    'ZMX_SESSION',
    '-u',
    'ZMX_SESSION_PREFIX',
    'HISTFILE=',
    `ZMX_DIR=${place.zmxDir}`,
  ];
  return sh('env', ...environment, place.zmxPath, ...words);
}

/**
 * Returns a name that zmx accepts as it is. zmx refuses some names silently, keeps its own logs under one, and reads others as an
 * option or, with a final *, as a pattern.
 *
 * @throws ChandlerError invalid-input, also for a socket path that is too long for the system
 */
export function safeName(place: ZmxPlace, session: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters act as keys or break the rows of `list`
  if (/^(|\.|\.\.|logs)$/.test(session) || /^-|[/*\u0000-\u001f\u007f]/.test(session)) {
    throw new ChandlerError(
      'invalid-input',
      `${JSON.stringify(session)} cannot be the name of a zmx session`,
    );
  }
  const socketBytes = Buffer.byteLength(`${place.zmxDir}/${session}`);
  if (socketBytes > SOCKET_PATH_BYTES) {
    throw new ChandlerError(
      'invalid-input',
      `the name ${JSON.stringify(session)} is too long for ${place.zmxDir}: ${socketBytes} bytes, at most ${SOCKET_PATH_BYTES}`,
    );
  }
  return session;
}
