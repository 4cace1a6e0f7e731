import { definedOnly } from '../domain/defined-only.ts';

/** A row of `zmx list`: strings as zmx wrote them. `endedAt` and `exitCode` are empty while the session's command runs. */
export interface Session {
  readonly name: string;
  /** Unix seconds. */
  readonly endedAt: string;
  /** For an ended session, empty means unknown, never success. */
  readonly exitCode: string;
  /** Set only if the session did not answer: it may be dead, hung, or alive and busy, so it does not count as running. */
  readonly err?: string;
}

/** Everything in a row. Values are the host's bytes: clean them before you show them. */
export interface SessionRow {
  readonly name: string;
  /** `unreachable` means that the session did not answer: neither running nor ended. */
  readonly state: 'running' | 'ended' | 'unreachable';
  /** Process id of the session's shell. */
  readonly pid?: number;
  /** The number of attached clients, including waiting `run` commands. */
  readonly clients?: number;
  /** Unix seconds. */
  readonly created?: number;
  readonly startDir?: string;
  readonly cmd?: string;
  /** Unix seconds as zmx wrote them; empty unless ended. */
  readonly endedAt: string;
  /** As zmx wrote it; empty unless ended. For an ended session, empty means unknown, never success. */
  readonly exitCode: string;
  /** zmx's own reason why there is no answer, for example `ConnectionRefused`. */
  readonly err?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The order of the fields in a row of zmx 0.5–0.8. A field that is out of order or unknown is a label, and so is everything after
 * it. launch.sh (clear_session) has the same columns.
 */
const ORDER = ['pid', 'clients', 'created', 'start_dir', 'cmd', 'ended', 'exit_code'] as const;
/** zmx 0.8 has cwd where earlier versions have start_dir. */
const RENAMED: Readonly<Record<string, string>> = { cwd: 'start_dir' };
/** Only a line feed ends a line: `^` would also match after U+2028, which a name may hold. */
const ROW = /(?<![^\n])(?: {2}|→ )?name=([^\n]*)/g;
const DIGITS = /^\d{1,15}$/;

/** Returns one session per row of `zmx list` (0.5–0.8), in the same order. Skips any other text. Never throws. */
export function parseSessions(raw: string): Session[] {
  return parseSessionRows(raw).map(({ name, endedAt, exitCode, err }) =>
    definedOnly({ name, endedAt, exitCode, err }),
  );
}

/**
 * Reads the output of `zmx list` (0.5–0.8). Rows begin with two spaces, or with `→ ` for the session in which the command ran.
 * The prefix may be missing, because trimming a text removes the first one.
 */
export function parseSessionRows(raw: string): SessionRow[] {
  return [...raw.matchAll(ROW)].flatMap(([, row = '']) => parseRow(row) ?? []);
}

function parseRow(row: string): SessionRow | undefined {
  const fields = row.replace(/\r$/, '').split('\t');
  // A name may contain tabs: it extends to the field that zmx always writes next.
  const next = fields.findIndex((field, i) => i > 0 && /^(?:pid|err)=/.test(field));
  const nameEnd = next < 0 ? 1 : next;
  const name = fields.slice(0, nameEnd).join('\t');
  if (name === '') return undefined;
  const rest = fields.slice(nameEnd);
  if (rest[0]?.startsWith('err=')) {
    return { name, state: 'unreachable', err: rest[0].slice(4), endedAt: '', exitCode: '', labels: {} };
  }
  return toRow(name, rest);
}

function toRow(name: string, fields: readonly string[]): SessionRow {
  const { own, labels } = split(fields);
  const ended = own.get('ended') ?? '';
  const created = number(own.get('created'));
  // A label may also be named `ended`. A session cannot have ended before it was created.
  const hasEnded = DIGITS.test(ended) && Number(ended) >= (created ?? 0);
  const exitCode = own.get('exit_code') ?? '';
  return definedOnly({
    name,
    state: hasEnded ? 'ended' : 'running',
    pid: number(own.get('pid')),
    clients: number(own.get('clients')),
    created,
    startDir: own.get('start_dir'),
    cmd: own.get('cmd'),
    endedAt: hasEnded ? ended : '',
    exitCode: hasEnded && DIGITS.test(exitCode) ? exitCode : '',
    labels,
  });
}

// Separates zmx's own fields, which come first and in order, from labels, which follow and may have the same names.
function split(fields: readonly string[]): { own: Map<string, string>; labels: Record<string, string> } {
  const own = new Map<string, string>();
  const labels = new Map<string, string>();
  let rank = -1;
  for (const field of fields) {
    const at = field.indexOf('=');
    // A tab inside the name of a directory or command splits it.
    if (at < 0) continue;
    const key = field.slice(0, at);
    const value = field.slice(at + 1);
    const place = (ORDER as readonly string[]).indexOf(RENAMED[key] ?? key);
    if (place > rank && labels.size === 0) {
      rank = place;
      own.set(ORDER[place]!, value);
    } else if (!labels.has(key)) {
      labels.set(key, value);
    }
  }
  return { own, labels: Object.fromEntries(labels) };
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && DIGITS.test(text) ? Number(text) : undefined;
}
