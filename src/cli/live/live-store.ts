import { answerQuestion } from './answer-question.ts';
import { dueQuestions, keyOf, type Asked, type Interest, type Question } from './due-questions.ts';
import { intervals } from './intervals.ts';
import { keepConnected, type Connection, type ConnectionDeps } from './keep-connected.ts';
import type { LiveEvent, LiveRuns, Scope } from './live-runs.ts';

/** The runs that a view shows, kept up to date until the store is closed. `S` and `E` are the view's own states and events. */
export interface LiveStore<S extends LiveRuns, E> {
  readonly state: () => S;
  readonly dispatch: (event: LiveEvent | E) => void;
  readonly ask: Connection['ask'];
  close(): void;
}

/** How a store reaches the server, also after the server was gone. */
export interface StoreSource extends Pick<ConnectionDeps, 'client' | 'connect'> {
  readonly scope: Scope;
  readonly now: () => number;
}

export interface StoreView<S extends LiveRuns, E> {
  readonly start: S;
  readonly update: (state: S, event: LiveEvent | E) => S;
  /** Returns what the view shows now, which decides what to ask. */
  readonly interest: (state: S) => Interest;
  readonly onChange: (before: S, after: S, event: LiveEvent | E) => void;
}

export function startStore<S extends LiveRuns, E = never>(
  { client, connect, scope, now }: StoreSource,
  view: StoreView<S, E>,
): LiveStore<S, E> {
  let state = view.start;
  let closed = false;
  const asked = new Map<string, Asked>();
  const connection = keepConnected({
    client,
    connect,
    onLost: (why) => dispatch({ kind: 'lost', why }),
    onFound: () => dispatch({ kind: 'found' }),
  });

  const put = async (question: Question): Promise<void> => {
    const key = keyOf(question);
    asked.set(key, { inFlight: true, answeredAtMs: 0, failed: false });
    const { event, failed } = await answerQuestion(connection, scope, question, state);
    asked.set(key, { inFlight: false, answeredAtMs: now(), failed });
    if (event) dispatch(event);
  };

  const dispatch = (event: LiveEvent | E): void => {
    if (closed) return;
    const before = state;
    state = view.update(state, event);
    view.onChange(before, state, event);
    if (closed) return;
    for (const question of dueQuestions(state, view.interest(state), asked)) void put(question);
  };

  const tick = () => dispatch({ kind: 'tick', nowMs: now() });
  const timer = setInterval(tick, intervals.tick);
  tick();
  return {
    state: () => state,
    dispatch,
    ask: (work, withinMs) => connection.ask(work, withinMs),
    close() {
      closed = true;
      clearInterval(timer);
      connection.close();
    },
  };
}
