import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { CliContext } from '../../context.ts';
import { aborted } from '../../context.ts';
import { exitCodes, type ExitCode } from '../../exit-codes.ts';
import { colored, plain } from '../../output/paint.ts';
import { logQuestion } from './log-question.ts';
import type { Effect, Event, State } from './model.ts';
import type { Interest } from '../due-questions.ts';
import { callsForPerson, render } from './render-screen.ts';
import { visibleRuns } from './layout.ts';
import { sendAction } from './send-action.ts';
import { selectedRun } from './selection.ts';
import type { Scope } from '../live-runs.ts';
import { startStore, type LiveStore, type StoreSource } from '../live-store.ts';
import { intervals } from '../intervals.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { update } from './update.ts';

export interface ScreenOptions extends Pick<StoreSource, 'client' | 'connect' | 'scope'> {
  readonly start: State;
  readonly keyboard: NonNullable<CliContext['keyboard']>;
  readonly urlOf: (run: string) => string | undefined;
  /** The options with which `attach` reaches the same server. */
  readonly flags: readonly string[];
  /** Returns the exit code once there is nothing more to show. */
  readonly endOf?: (state: State) => ExitCode | undefined;
}

/** How long to wait for the stop signal, which an orphaned process group does not obey. */
const STOPPED_BY_MS = 200;

/** The terminal while runs are shown on it. */
interface Screen extends ScreenOptions {
  readonly context: CliContext;
  readonly terminal: Terminal;
  readonly leaving: AbortController;
  /** Whether another program has the terminal. */
  isAway: boolean;
}

type Store = LiveStore<State, Event>;

/** Shows runs on the whole screen until the user leaves. Returns the exit code, and the last state. */
export async function showOnScreen(
  context: CliContext,
  options: ScreenOptions,
): Promise<{ readonly exitCode: ExitCode; readonly state: State }> {
  const paint = context.color ? colored : plain;
  const leaving = new AbortController();
  const terminal = openTerminal(context, options.keyboard, (key) => store.dispatch({ kind: 'key', key }));
  const screen: Screen = { ...options, context, terminal, leaving, isAway: false };
  let isDrawing = false;
  const draw = () => {
    isDrawing = false;
    if (!screen.isAway) terminal.draw(render(store.state(), paint));
  };
  let effects: readonly Effect[] = [];
  const store: Store = startStore<State, Event>(
    { ...options, now: context.now },
    {
      start: options.start,
      interest: (state) => ({ ...interest(state), fleet: fleetOf(options.scope) }),
      update(state, event) {
        const updated = update(state, event);
        ({ effects } = updated);
        return updated.state;
      },
      onChange(before, after) {
        for (const effect of effects) perform(effect, screen, store);
        if (callsForPerson(before, after)) terminal.bell();
        const end = options.endOf?.(after);
        // A program that has the terminal ends first.
        if (end !== undefined && !screen.isAway) leaving.abort(end);
        // Events that arrive together cause one picture.
        if (!isDrawing) setImmediate(draw);
        isDrawing = true;
      },
    },
  );
  const resized = () => {
    terminal.forget();
    store.dispatch({ kind: 'resized', size: context.terminalSize() });
  };
  const back = () => {
    if (screen.isAway) return;
    // Another program stopped this one, and the shell has used the terminal since.
    terminal.leave();
    terminal.enter();
  };
  context.stdout.on('resize', resized);
  process.on('SIGCONT', back);
  terminal.enter();
  try {
    await Promise.race([aborted(leaving.signal), aborted(context.signal)]);
    const exitCode = leaving.signal.aborted ? (leaving.signal.reason as ExitCode) : exitCodes.interrupted;
    return { exitCode, state: store.state() };
  } finally {
    process.off('SIGCONT', back);
    context.stdout.off('resize', resized);
    terminal.leave();
    store.close();
  }
}

function perform(effect: Effect, screen: Screen, store: Store): void {
  const { context, terminal, keyboard, flags } = screen;
  const show = (text: string) => store.dispatch({ kind: 'message', text });
  switch (effect.kind) {
    case 'act':
      return void sendAction(store.ask, effect.request).then(store.dispatch);
    case 'leave':
      return screen.leaving.abort(effect.exitCode);
    case 'redraw':
      return terminal.forget();
    case 'suspend':
      return void lendTerminal(screen, store, suspend);
    case 'show-url':
      return show(
        screen.urlOf(effect.run) ?? 'The address of the UI is known for the server of `chandler dev` only',
      );
    case 'attach': {
      const work = () => attach(context, keyboard, [effect.run, effect.step, ...flags]);
      return void lendTerminal(screen, store, work).catch((error: unknown) => show(String(error)));
    }
  }
}

/** Runs `work` with the terminal in its original state. */
async function lendTerminal(screen: Screen, store: Store, work: () => Promise<void>): Promise<void> {
  const { context, terminal } = screen;
  screen.isAway = true;
  terminal.leave();
  try {
    await work();
  } finally {
    screen.isAway = false;
    // If the program was asked to end meanwhile, the screen does not return.
    if (!context.signal.aborted) terminal.enter();
    store.dispatch({ kind: 'resized', size: context.terminalSize() });
  }
}

function fleetOf(scope: Scope): string | undefined {
  return scope.kind === 'query' ? scope.fleet : undefined;
}

function interest(state: State): Interest {
  return {
    focus: selectedRun(state),
    others: visibleRuns(state),
    othersEveryMs: intervals.others,
    log: logQuestion(state),
  };
}

/** Does what the shell expects after Ctrl-Z, and continues when the shell resumes the job. */
async function suspend(): Promise<void> {
  const goesOn = once(process, 'SIGCONT');
  // Stops the whole process group, as the terminal would, including the program that started this one.
  process.kill(0, 'SIGTSTP');
  await Promise.race([goesOn, delay(STOPPED_BY_MS)]);
}

function ignore(): void {}

/** Gives the terminal to the command `attach`, which alone handles Ctrl-C meanwhile. */
async function attach(
  { self, stdout }: CliContext,
  keyboard: NonNullable<CliContext['keyboard']>,
  args: readonly string[],
): Promise<void> {
  const [node, ...main] = self;
  const listeners = process.rawListeners('SIGINT') as NodeJS.SignalsListener[];
  process.removeAllListeners('SIGINT').on('SIGINT', ignore);
  try {
    const child = spawn(node, [...main, 'attach', ...args], { stdio: 'inherit' });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code === 0) return;
    // The next picture would hide the command's output.
    stdout.write('\nPress Enter to go back to the runs.');
    keyboard.resume();
    await once(keyboard, 'data');
  } finally {
    process.off('SIGINT', ignore);
    for (const listener of listeners) process.on('SIGINT', listener);
  }
}
