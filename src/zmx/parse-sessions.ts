import { definedOnly } from '../domain/defined-only.ts';

/** A row of `zmx list`: strings as zmx wrote them, empty while the session's command runs. */
export interface Session {
  readonly name: string;
  /** Unix seconds. */
  readonly endedAt: string;
  /** Empty for a session that has ended means unknown, never success. */
  readonly exitCode: string;
  /** Only there when the session did not answer: it may be dead, hung, or alive and busy, and is not "running". */
  readonly err?: string;
}

/** Everything that a row tells. Values are the host's bytes: clean them before they are shown. */
export interface SessionRow {
  readonly name: string;
  /** `unreachable` means that the session did not answer: neither running nor ended. */
  readonly state: 'running' | 'ended' | 'unreachable';
  /** Process id of the session's shell. */
  readonly pid?: number;
  /** Attached clients, waiting `run` commands included. */
  readonly clients?: number;
  /** Unix seconds. */
  readonly created?: number;
  readonly startDir?: string;
  readonly cmd?: string;
  /** Unix seconds as zmx wrote them; empty unless ended. */
  readonly endedAt: string;
  /** As zmx wrote it; empty unless ended. Empty for an ended session means unknown, never success. */
  readonly exitCode: string;
  /** zmx's own word for why there is no answer, for example `ConnectionRefused`. */
  readonly err?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The order in which zmx 0.5–0.8 writes a row. What is out of order or unknown is a label, and so is all after it. */
const ORDER = ['pid', 'clients', 'created', 'start_dir', 'cmd', 'ended', 'exit_code'] as const;
/** zmx 0.8 has cwd where earlier versions have start_dir. */
const RENAMED: Readonly<Record<string, string>> = { cwd: 'start_dir' };
/** Only a line feed ends a line: `^` would also match after U+2028, which a name may hold. */
const ROW = /(?<![^\n])(?: {2}|→ )?name=([^\n]*)/g;
const DIGITS = /^\d{1,15}$/;

/**
 * One session per row of `zmx list` (0.5–0.8), in its order. Anything else in the text is skipped. Never throws.
 */
export function parseSessions(raw: string): Session[] {
  return parseSessionRows(raw).map(({ name, endedAt, exitCode, err }) =>
    definedOnly({ name, endedAt, exitCode, err }),
  );
}

/**
 * Reads the output of `zmx list` (0.5–0.8). Rows begin with two spaces, or with `→ ` for the session that one is in;
 * the prefix of a row may be missing, because a trimmed text has lost the first.
 */
export function parseSessionRows(raw: string): SessionRow[] {
  return [...raw.matchAll(ROW)].flatMap(([, row = '']) => parseRow(row) ?? []);
}

function parseRow(row: string): SessionRow | undefined {
  const fields = row.replace(/\r$/, '').split('\t');
  // A name may hold tabs: it goes on until the field that zmx always writes next.
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
  // A label may be called `ended`, too; nothing ends before it was made.
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

// zmx's own fields come first and in order; labels follow and may bear the same names.
function split(fields: readonly string[]): { own: Map<string, string>; labels: Record<string, string> } {
  const own = new Map<string, string>();
  const labels = new Map<string, string>();
  let rank = -1;
  for (const field of fields) {
    const at = field.indexOf('=');
    // A tab inside a directory's or a command's name.
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
