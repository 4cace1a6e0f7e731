import type { ActionInput, ActionName } from '../../../domain/run/actions.ts';
import type { RunStatus } from '../../../domain/run/status.ts';
import type { ExitCode } from '../../exit-codes.ts';
import type { LogPiece } from '../live-runs.ts';
import { startRuns, type LiveEvent, type LiveRuns } from '../live-runs.ts';
import type { Key } from './key.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The log of one attempt of a part, as far as it has been read. */
export interface LogView {
  /** Identifies this opening of the log; answers to earlier openings are dropped. */
  readonly opening: number;
  readonly run: string;
  readonly step: string;
  readonly finalizer: boolean;
  readonly attempt: number;
  readonly from: 'start' | 'end';
  /** In order and without gaps. */
  readonly pieces: readonly LogPiece[];
  /** The size of the whole log in bytes, as of the latest request. */
  readonly size: number;
  /** True when the launch is over and the last piece is its end. */
  readonly complete: boolean;
  /** Whether the host could not keep the whole output. */
  readonly cut: boolean;
  /** Whether the window follows the end. */
  readonly following: boolean;
  /** The number of rows below the window. */
  readonly below: number;
  readonly failure?: LogFailure;
}

export interface LogFailure {
  readonly why: string;
  /** Whether the log is missing on the host for good, unless its part runs again. */
  readonly isFinal: boolean;
  /** The number of consecutive failures. */
  readonly count: number;
  readonly atMs: number;
}

export interface ActionRequest {
  readonly run: string;
  readonly name: ActionName;
  readonly input: ActionInput;
}

export type Dialog =
  | { readonly kind: 'text'; readonly request: ActionRequest; readonly text: string }
  | { readonly kind: 'confirm'; readonly request: ActionRequest }
  | { readonly kind: 'filter'; readonly before: string };

export interface State extends LiveRuns {
  readonly size: Size;
  readonly view: 'list' | 'run' | 'log';
  /** True if the user named one run, so that there is no list to return to. */
  readonly single: boolean;
  /** Describes which runs are shown. */
  readonly scope: string;
  readonly filter: string;
  readonly run?: string;
  /** The selected part of the selected run, as `rowKey`. */
  readonly part?: string;
  readonly log?: LogView;
  /** The view from which the log was opened. */
  readonly back: 'list' | 'run';
  readonly dialog?: Dialog;
  readonly help: boolean;
  /** True between the begin and end marks of a bracketed paste. */
  readonly pasting: boolean;
  readonly message?: { readonly text: string; readonly untilMs: number };
}

export type Event =
  | LiveEvent
  | { readonly kind: 'resized'; readonly size: Size }
  | { readonly kind: 'key'; readonly key: Key }
  | { readonly kind: 'accepted'; readonly request: ActionRequest; readonly status: RunStatus }
  | { readonly kind: 'message'; readonly text: string };

/** What the caller must do after an update. */
export type Effect =
  | { readonly kind: 'act'; readonly request: ActionRequest }
  | { readonly kind: 'attach'; readonly run: string; readonly step: string }
  | { readonly kind: 'show-url'; readonly run: string }
  | { readonly kind: 'redraw' }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'leave'; readonly exitCode: ExitCode };

export interface Updated {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** An update after which the caller has nothing to do. */
export function withoutEffects(state: State): Updated {
  return { state, effects: [] };
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
