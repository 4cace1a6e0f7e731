import type { RunInfo, RunResult, StepProgress } from '../../client.ts';
import { isOpenStatus } from '../../domain/run/execution-status.ts';
import type { RunPausedError } from '../../domain/run/server-pause.ts';
import type { RunStatus } from '../../domain/run/status.ts';
import { updateFleet, type FleetReading, type FollowedFleet } from './followed-fleet.ts';

/** The runs to watch: by id, or those that match a visibility query, perhaps with the fleet that they belong to. */
export type Scope =
  | { readonly kind: 'ids'; readonly ids: readonly string[] }
  | { readonly kind: 'query'; readonly query: string; readonly fleet?: string };

export interface RunView {
  readonly info: RunInfo;
  /** Its latest own answer, newer and more detailed than `info`. */
  readonly status?: RunStatus;
  readonly progress: readonly StepProgress[];
  readonly result?: RunResult;
  /** Set while no worker answers for this run. */
  readonly silentSinceMs?: number;
  /** Set while Temporal's workflow pause holds it; `status` is from before. */
  readonly held?: RunPausedError;
  /** True once nothing more will change. */
  readonly final: boolean;
}

/** What the live store knows. Every view is rendered from it. */
export interface LiveRuns {
  readonly nowMs: number;
  readonly runs: readonly RunView[];
  /** True once the runs have been listed. */
  readonly listed: boolean;
  /** True if more runs match than are listed. */
  readonly more: boolean;
  /** The fleet of the scope, once it has answered. */
  readonly fleet?: FollowedFleet;
  /** Set while the server does not answer. */
  readonly lost?: { readonly sinceMs: number; readonly why: string } | undefined;
}

/** A piece of a log, from `offset` to before `nextOffset`. */
export interface LogPiece {
  readonly offset: number;
  readonly nextOffset: number;
  readonly text: string;
}

/** The answer to a request for a piece of a log. */
export interface LogRead {
  readonly where: 'first' | 'earlier' | 'later';
  readonly piece: LogPiece;
  readonly size: number;
  readonly complete: boolean;
  readonly cut: boolean;
}

export type LogEvent =
  | { readonly kind: 'log'; readonly opening: number; readonly read: LogRead }
  | {
      readonly kind: 'log-failed';
      readonly opening: number;
      readonly why: string;
      readonly isFinal: boolean;
    };

export type LiveEvent =
  | LogEvent
  | { readonly kind: 'tick'; readonly nowMs: number }
  | { readonly kind: 'runs'; readonly runs: readonly RunInfo[]; readonly more: boolean }
  /** `over`: the run was over before it was asked. */
  | { readonly kind: 'status'; readonly run: string; readonly status: RunStatus; readonly over: boolean }
  | { readonly kind: 'silent'; readonly run: string }
  | { readonly kind: 'held'; readonly run: string; readonly error: RunPausedError }
  | { readonly kind: 'progress'; readonly run: string; readonly progress: readonly StepProgress[] }
  | { readonly kind: 'result'; readonly run: string; readonly result: RunResult }
  | { readonly kind: 'fleet'; readonly reading: FleetReading }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'lost'; readonly why: string }
  | { readonly kind: 'found' };

export function startRuns(nowMs: number): LiveRuns {
  return { nowMs, runs: [], listed: false, more: false };
}

/** Whether a run is over: it may be so before the server lists it as closed. */
export function isOver({ info, status }: RunView): boolean {
  return !isOpenStatus(info.status) || status?.endedAtMs !== undefined;
}

export function applyEvent<S extends LiveRuns>(state: S, event: LiveEvent): S {
  switch (event.kind) {
    case 'tick':
      return { ...state, nowMs: event.nowMs };
    case 'runs':
      return { ...state, runs: mergeRuns(state.runs, event.runs), listed: true, more: event.more };
    case 'status': {
      const { status, over } = event;
      return changeRun(state, event.run, (run) => ({ ...heardFrom(run), status, final: over }));
    }
    case 'silent':
      return changeRun(state, event.run, (run) => ({
        ...run,
        silentSinceMs: run.silentSinceMs ?? state.nowMs,
      }));
    case 'held':
      return changeRun(state, event.run, (run) => ({ ...heardFrom(run), held: event.error }));
    case 'progress':
      return changeRun(state, event.run, (run) => ({
        ...run,
        progress: mergeProgress(run.progress, event.progress),
      }));
    case 'result':
      return changeRun(state, event.run, (run) => ({ ...run, result: event.result }));
    case 'fleet':
      return { ...state, fleet: updateFleet(state.fleet, event.reading, state.nowMs) };
    case 'failed':
    case 'log':
    case 'log-failed':
      return state;
    case 'lost':
      return { ...state, lost: { sinceMs: state.lost?.sinceMs ?? state.nowMs, why: event.why } };
    case 'found':
      return { ...state, lost: undefined };
  }
}

export function changeRun<S extends LiveRuns>(state: S, id: string, change: (run: RunView) => RunView): S {
  return { ...state, runs: state.runs.map((run) => (run.info.id === id ? change(run) : run)) };
}

/** Keeps runs that are no longer listed. */
function mergeRuns(known: readonly RunView[], listed: readonly RunInfo[]): RunView[] {
  const infos = new Map(listed.map((info) => [info.id, info]));
  const kept = known.map((run): RunView => {
    const info = infos.get(run.info.id);
    infos.delete(run.info.id);
    if (!info) return run;
    // The id may have a newer run.
    return info.startedAtMs === run.info.startedAtMs ? { ...run, info } : newRun(info);
  });
  return [...kept, ...[...infos.values()].map(newRun)];
}

function newRun(info: RunInfo): RunView {
  return { info, progress: [], final: false };
}

function heardFrom(run: RunView): RunView {
  const { silentSinceMs: _silent, held: _held, ...rest } = run;
  return rest;
}

/** Keeps what a part printed last after it is over. */
function mergeProgress(before: readonly StepProgress[], latest: readonly StepProgress[]): StepProgress[] {
  return [
    ...new Map([...before, ...latest].map((each) => [`${each.step} ${each.finalizer}`, each])).values(),
  ];
}
