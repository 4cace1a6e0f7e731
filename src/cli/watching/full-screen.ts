import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { CliContext } from '../context.ts';
import { aborted } from '../context.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { colored, plain } from '../render/paint.ts';
import type { Effect, State } from './model.ts';
import type { Interest } from './questions.ts';
import { callsForPerson, render } from './render.ts';
import { selectedRun, visibleRuns } from './select.ts';
import { startSession, type SessionDeps } from './session.ts';
import { openTerminal } from './terminal.ts';

export interface FullScreenDeps extends Pick<SessionDeps, 'client' | 'connect' | 'scope' | 'start'> {
  readonly keyboard: NonNullable<CliContext['keyboard']>;
  readonly urlOf: (run: string) => string | undefined;
  /** What `attach` needs to reach the same engine. */
  readonly flags: readonly string[];
}

/** Runs that are seen in the list, but not under the cursor. */
const OTHERS_EVERY_MS = 1000;
/** A process group that nobody controls is not stopped by the signal. */
const STOPPED_BY_MS = 200;

/** Shows runs on the whole screen until a person leaves; answers the exit code, and what was known at the end. */
export async function watchOnScreen(
  context: CliContext,
  deps: FullScreenDeps,
): Promise<{ readonly exitCode: ExitCode; readonly state: State }> {
  const { keyboard } = deps;
  const paint = context.color ? colored : plain;
  let away = false;
  const leaving = new AbortController();
  const terminal = openTerminal(context, keyboard, (key) => session.dispatch({ kind: 'key', key }));
  let drawing = false;
  const draw = () => {
    drawing = false;
    if (!away) terminal.draw(render(session.state(), paint));
  };
  /** Does something with the terminal as it was before. */
  const besides = async (work: () => Promise<void>) => {
    away = true;
    terminal.leave();
    try {
      await work();
    } finally {
      away = false;
      // Whoever has been told to end meanwhile wants no screen any more.
      if (!context.signal.aborted) terminal.enter();
      session.dispatch({ kind: 'resized', size: context.terminalSize() });
    }
  };
  const perform = (effect: Exclude<Effect, { kind: 'order' }>): void => {
    switch (effect.kind) {
      case 'leave':
        return leaving.abort(effect.exitCode);
      case 'redraw':
        return terminal.forget();
      case 'suspend':
        return void besides(suspend);
      case 'tell-url': {
        const text =
          deps.urlOf(effect.run) ?? 'The address of the UI is known for the server of `chandler dev` only';
        return session.dispatch({ kind: 'told', text });
      }
      case 'attach':
        return void besides(() => attach(context, keyboard, [effect.run, effect.step, ...deps.flags])).catch(
          (error: unknown) => session.dispatch({ kind: 'told', text: String(error) }),
        );
    }
  };
  const session = startSession({
    ...deps,
    now: context.now,
    interest,
    perform,
    onChange(before, after) {
      if (callsForPerson(before, after)) terminal.bell();
      // What comes at once is drawn at once.
      if (!drawing) setImmediate(draw);
      drawing = true;
    },
  });
  const resized = () => {
    terminal.forget();
    session.dispatch({ kind: 'resized', size: context.terminalSize() });
  };
  const back = () => {
    if (away) return;
    // Stopped without our doing: the shell has had the terminal since.
    terminal.leave();
    terminal.enter();
  };
  context.stdout.on('resize', resized);
  process.on('SIGCONT', back);
  terminal.enter();
  try {
    await Promise.race([aborted(leaving.signal), aborted(context.signal)]);
    const exitCode = leaving.signal.aborted ? (leaving.signal.reason as ExitCode) : exitCodes.interrupted;
    return { exitCode, state: session.state() };
  } finally {
    process.off('SIGCONT', back);
    context.stdout.off('resize', resized);
    terminal.leave();
    session.close();
  }
}

function interest(state: State): Interest {
  return { focus: selectedRun(state), others: visibleRuns(state), othersEveryMs: OTHERS_EVERY_MS };
}

/** As the shell expects it of Ctrl-Z; goes on when the shell says so. */
async function suspend(): Promise<void> {
  const goesOn = once(process, 'SIGCONT');
  // The whole group, as the terminal would: whatever has started this program stops as well.
  process.kill(0, 'SIGTSTP');
  await Promise.race([goesOn, delay(STOPPED_BY_MS)]);
}

function ignore(): void {}

/** Runs the command `attach` with the terminal; Ctrl-C is for it alone meanwhile. */
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
    // What it has said would be gone with the next picture.
    stdout.write('\nPress Enter to go back to the runs.');
    keyboard.resume();
    await once(keyboard, 'data');
  } finally {
    process.off('SIGINT', ignore);
    for (const listener of listeners) process.on('SIGINT', listener);
  }
}
