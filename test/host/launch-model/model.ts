import type { LaunchState } from '../../../src/domain/run/launch-state.ts';

/** The exit code of the step under test: neither success nor that of a signal, so that losing it shows. */
export const OWN_CODE = 7;
/** What it prints; the secret is masked. */
export const SECRET = 'top-secret-value';
const LOG = 'said ***\n';

/** What really happened: the step writes it outside of everything that the programs under test know of. */
export interface Ledger {
  readonly begins: number;
  readonly ends: number;
}

export const NOTHING_RAN: Ledger = { begins: 0, ends: 0 };

/** What was done to a launch, as far as it changes which answers are right. */
export interface History {
  /** The supervisor, or a part of it, was killed. */
  readonly supervisorHit?: boolean;
  /** What keeps the log was killed, and nothing else: the end is true, the log may be cut. */
  readonly logLost?: boolean;
  readonly powerLost?: boolean;
  /** A person asked for its end. */
  readonly killed?: boolean;
  /** It may have been forgotten. */
  readonly pruned?: boolean;
}

/** What is wrong with an answer, given what had happened before it was asked for and what has by now. */
export function wrongs(
  state: LaunchState,
  { before, now }: { readonly before: Ledger; readonly now: Ledger },
  history: History,
  log?: string,
): string[] {
  const wrong: string[] = [];
  const forbid = (condition: boolean, text: string) => {
    if (condition) wrong.push(text);
  };
  forbid(now.begins > 1, `it ran ${now.begins} times`);
  const {
    supervisorHit = false,
    logLost = false,
    powerLost = false,
    killed = false,
    pruned = false,
  } = history;
  switch (state.kind) {
    case 'absent':
      forbid(before.begins > 0 && !pruned, '"absent", but it ran');
      break;
    case 'created':
      forbid(before.begins > 0, '"created", but it ran');
      break;
    case 'cancelled':
      forbid(now.begins > 0, '"cancelled", but it ran');
      forbid(!killed, '"cancelled", but nobody asked for that');
      break;
    case 'running':
      break;
    case 'exited':
      if (state.code === OWN_CODE) {
        forbid(now.ends !== 1, `its own code, but it ended ${now.ends} times`);
        // Lines end otherwise without a terminal, which a host may not have.
        forbid(
          log !== undefined && !logLost && log.replaceAll('\r\n', '\n') !== LOG,
          `a log that is not whole: ${JSON.stringify(log)}`,
        );
      } else {
        forbid(state.code < 128, `exit ${state.code}, which is not its code`);
        forbid(!supervisorHit && !killed, `exit ${state.code} without a reason`);
      }
      break;
    case 'interrupted':
      forbid(!supervisorHit && !powerLost, '"interrupted" without a reason');
      forbid(state.rebooted && !powerLost, '"rebooted", but the host was not');
      break;
  }
  return wrong;
}

/** The states in which a launch may be. A fault makes them many, an answer makes them few again. */
export type Kind = LaunchState['kind'];

/** A launch as the model sees it. `released`: nothing keeps the step from ending by itself. */
export interface LaunchModel {
  may: ReadonlySet<Kind>;
  released: boolean;
  /** A supervisor may be on its way. */
  awaited: boolean;
  history: History;
}

export const isOver = (kind: Kind) => kind === 'exited' || kind === 'interrupted' || kind === 'cancelled';

/** What each operation and fault does to a state: the states that may follow, on a host that is let alone otherwise. */
const NEXT = {
  create: { absent: ['created'] },
  /** What has not begun in time may begin later. */
  start: { created: ['created', 'running', 'exited'] },
  /** An answer that was lost: the host may have done all of it, or nothing, or be at it. */
  createLost: { absent: ['absent', 'created'] },
  startLost: { created: ['created', 'running', 'exited'] },
  /** One that is not there must not be created any more. */
  kill: { absent: ['cancelled'], created: ['cancelled', 'exited'], running: ['exited', 'interrupted'] },
  prune: { exited: ['absent'], interrupted: ['absent'], cancelled: ['absent'], created: ['absent'] },
  supervisorKilled: { running: ['interrupted'] },
  /** The step has a terminal of its own, so it does not notice. */
  terminalKilled: { running: ['running'] },
  /** A killed process that copies the output is replaced; a step whose terminal goes away runs on without one. */
  scriptKilled: { running: ['running'] },
  copierKilled: { running: ['running'] },
  leaderKilled: { running: ['interrupted'] },
  everythingKilled: { running: ['interrupted'] },
  reboot: { running: ['interrupted'] },
} satisfies Record<string, Partial<Record<Kind, readonly Kind[]>>>;

export type Event = keyof typeof NEXT;

/** The states after an event. A step that may end by itself can be over before anybody looks. */
export function after(event: Event, { may, released }: LaunchModel): ReadonlySet<Kind> {
  const table: Partial<Record<Kind, readonly Kind[]>> = NEXT[event];
  return new Set(
    [...may].flatMap((kind): readonly Kind[] => {
      const next = table[kind] ?? [kind];
      return kind === 'running' && released ? [...next, 'exited'] : next;
    }),
  );
}

/** What is known after an answer: that much, unless a supervisor is still to come. */
export function learn({ awaited }: LaunchModel, kind: Kind): ReadonlySet<Kind> {
  if (awaited && kind === 'created') return new Set(['created', 'running', 'exited']);
  if (awaited && kind === 'cancelled') return new Set(['cancelled', 'exited']);
  return new Set([kind]);
}

/** What an answer may be: that of a step let go on is out of date at once. */
export function answers({ may, released }: LaunchModel): ReadonlySet<Kind> {
  return released && may.has('running') ? new Set([...may, 'exited']) : may;
}
