import type { RunResult } from '../../client.ts';
import type { RunStatus } from '../../domain/status.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { RunInfo } from '../render/runs.ts';
import type { Progress } from '../look.ts';
import type { Key } from './keys.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What is known of a run. */
export interface RunView {
  readonly info: RunInfo;
  /** The latest answer of its own; what the engine says of it is older, or less. */
  readonly status?: RunStatus;
  readonly progress: readonly Progress[];
  /** How it ended. */
  readonly result?: RunResult;
  /** Set while no worker answers for it. */
  readonly silentSinceMs?: number;
  /** True once nothing more will change. */
  readonly final: boolean;
}

/** A piece of a log, from one byte to before another. */
export interface LogPiece {
  readonly offset: number;
  readonly nextOffset: number;
  readonly text: string;
}

/** The log of one try of a part, as far as it has been read. */
export interface LogView {
  /** Of this opening: an answer to an earlier one is none of ours. */
  readonly opening: number;
  readonly run: string;
  readonly step: string;
  readonly finalizer: boolean;
  readonly generation: number;
  /** Where reading began. */
  readonly from: 'start' | 'end';
  /** One after another, without a gap. */
  readonly pieces: readonly LogPiece[];
  /** Of the whole log, in bytes, when it was last asked for. */
  readonly size: number;
  /** True when the launch is over and the last piece is its end. */
  readonly complete: boolean;
  /** The host could not keep all of it. */
  readonly cut: boolean;
  /** Whether the end is shown, as it comes. */
  readonly following: boolean;
  /** Rows that are below the window. */
  readonly below: number;
  /** Why the last request brought nothing. */
  readonly failure?: string;
}

/** Something a person wants done to a run. */
export type Order =
  | { readonly action: 'retry'; readonly run: string; readonly step: string }
  | { readonly action: 'skip'; readonly run: string; readonly step: string; readonly reason: string }
  | { readonly action: 'abort'; readonly run: string; readonly reason: string }
  | { readonly action: 'extend'; readonly run: string; readonly step: string; readonly by: string }
  | { readonly action: 'pause' | 'resume'; readonly run: string };

/** An order that needs a word of its sender: a reason, or by how much. */
export type Worded = Extract<Order, { action: 'skip' | 'abort' | 'extend' }>;

/** What a person is asked at the bottom of the screen. */
export type Dialog =
  | { readonly kind: 'text'; readonly order: Worded; readonly text: string }
  | { readonly kind: 'confirm'; readonly order: Order }
  | { readonly kind: 'filter'; readonly before: string };

/** Everything that the screen is drawn from. */
export interface State {
  readonly size: Size;
  readonly nowMs: number;
  readonly view: 'list' | 'run' | 'log';
  /** True when one run was named: there is no list to go back to. */
  readonly single: boolean;
  /** Words for what is watched. */
  readonly scope: string;
  readonly runs: readonly RunView[];
  /** Whether the runs have been asked for with success. */
  readonly listed: boolean;
  /** More runs match than are shown. */
  readonly more: boolean;
  readonly filter: string;
  readonly run?: string;
  /** Of the selected run; see `rowKey`. */
  readonly part?: string;
  readonly log?: LogView;
  /** Where the log was opened from. */
  readonly back: 'list' | 'run';
  readonly dialog?: Dialog;
  readonly help: boolean;
  /** Between the ends of a bracketed paste. */
  readonly pasting: boolean;
  readonly message?: { readonly text: string; readonly untilMs: number };
  /** Set while the server does not answer. */
  readonly lost?: { readonly sinceMs: number; readonly why: string };
}

export type Event =
  | { readonly kind: 'tick'; readonly nowMs: number }
  | { readonly kind: 'resized'; readonly size: Size }
  | { readonly kind: 'key'; readonly key: Key }
  | { readonly kind: 'runs'; readonly runs: readonly RunInfo[]; readonly more: boolean }
  /** `over`: it was asked for when the run was over already. */
  | { readonly kind: 'status'; readonly run: string; readonly status: RunStatus; readonly over: boolean }
  | { readonly kind: 'silent'; readonly run: string }
  | { readonly kind: 'progress'; readonly run: string; readonly progress: readonly Progress[] }
  | { readonly kind: 'result'; readonly run: string; readonly result: RunResult }
  | { readonly kind: 'log'; readonly opening: number; readonly read: LogRead }
  | { readonly kind: 'log-failed'; readonly opening: number; readonly why: string }
  | { readonly kind: 'ordered'; readonly order: Order; readonly status: RunStatus }
  | { readonly kind: 'told'; readonly text: string }
  | { readonly kind: 'lost'; readonly why: string }
  | { readonly kind: 'found' };

/** An answer to a request for a piece of a log. */
export interface LogRead {
  readonly where: 'first' | 'earlier' | 'later';
  readonly piece: LogPiece;
  readonly size: number;
  readonly complete: boolean;
  readonly cut: boolean;
}

/** What the screen's owner is to do. */
export type Effect =
  | { readonly kind: 'order'; readonly order: Order }
  | { readonly kind: 'attach'; readonly run: string; readonly step: string }
  | { readonly kind: 'tell-url'; readonly run: string }
  | { readonly kind: 'redraw' }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'leave'; readonly exitCode: ExitCode };

export interface Updated {
  readonly state: State;
  readonly effects: readonly Effect[];
}

export function startState(options: Pick<State, 'single' | 'scope' | 'size' | 'nowMs'>): State {
  return {
    ...options,
    view: options.single ? 'run' : 'list',
    back: options.single ? 'run' : 'list',
    runs: [],
    listed: false,
    more: false,
    filter: '',
    help: false,
    pasting: false,
  };
}

export function isOver({ info, status }: RunView): boolean {
  return info.status !== 'RUNNING' || status?.endedAtMs !== undefined;
}
