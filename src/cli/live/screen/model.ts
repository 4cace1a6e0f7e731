import type { ActionInput, ActionName } from '../../../domain/run/actions.ts';
import type { RunStatus } from '../../../domain/run/status.ts';
import type { ExitCode } from '../../exit-codes.ts';
import type { LogEvent, LogPiece } from '../answer-question.ts';
import { startRuns, type LiveEvent, type LiveRuns } from '../live-runs.ts';
import type { Key } from './key.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The log of one try of a part, as far as it has been read. */
export interface LogView {
  /** Of this opening: an answer to an earlier one is none of ours. */
  readonly opening: number;
  readonly run: string;
  readonly step: string;
  readonly finalizer: boolean;
  readonly attempt: number;
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
  /** Why the last requests brought nothing. */
  readonly failure?: LogFailure;
}

export interface LogFailure {
  readonly why: string;
  /** Whether the log is not on the host, and cannot get there unless its part is started again. */
  readonly isFinal: boolean;
  /** How many requests in a row have failed. */
  readonly count: number;
  readonly atMs: number;
}

/** An action that a person wants to send to a run. */
export interface ActionRequest {
  readonly run: string;
  readonly name: ActionName;
  readonly input: ActionInput;
}

/** What a person is asked at the bottom of the screen. */
export type Dialog =
  | { readonly kind: 'text'; readonly request: ActionRequest; readonly text: string }
  | { readonly kind: 'confirm'; readonly request: ActionRequest }
  | { readonly kind: 'filter'; readonly before: string };

/** Everything that the screen is drawn from. */
export interface State extends LiveRuns {
  readonly size: Size;
  readonly view: 'list' | 'run' | 'log';
  /** True when one run was named: there is no list to go back to. */
  readonly single: boolean;
  /** Words for what is watched. */
  readonly scope: string;
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
}

export type Event =
  | LiveEvent
  | LogEvent
  | { readonly kind: 'resized'; readonly size: Size }
  | { readonly kind: 'key'; readonly key: Key }
  | { readonly kind: 'accepted'; readonly request: ActionRequest; readonly status: RunStatus }
  | { readonly kind: 'told'; readonly text: string };

/** What the screen's owner is to do. */
export type Effect =
  | { readonly kind: 'act'; readonly request: ActionRequest }
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
    ...startRuns(options.nowMs),
    ...options,
    view: options.single ? 'run' : 'list',
    back: options.single ? 'run' : 'list',
    filter: '',
    help: false,
    pasting: false,
  };
}
