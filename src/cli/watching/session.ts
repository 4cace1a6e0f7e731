import { answer, carryOut, type Scope } from './ask.ts';
import { keepConnected, type ConnectionDeps } from './connection.ts';
import type { Effect, Event, State } from './model.ts';
import { dueQuestions, keyOf, type Asked, type Interest, type Question } from './questions.ts';
import { update } from './update.ts';

/** A state that is kept up to date by questions to the server, until it is closed. */
export interface Session {
  readonly state: () => State;
  readonly dispatch: (event: Event) => void;
  close(): void;
}

export interface SessionDeps extends Pick<ConnectionDeps, 'client' | 'connect'> {
  readonly scope: Scope;
  readonly start: State;
  readonly now: () => number;
  /** Which runs matter now. */
  readonly interest: (state: State) => Interest;
  /** After each event. */
  readonly onChange: (before: State, after: State) => void;
  /** What only whoever owns the screen can do. */
  readonly perform: (effect: Exclude<Effect, { kind: 'order' }>) => void;
}

const TICK_MS = 100;

export function startSession(deps: SessionDeps): Session {
  let state = deps.start;
  let closed = false;
  const asked = new Map<string, Asked>();
  const connection = keepConnected({
    client: deps.client,
    connect: deps.connect,
    onLost: (why) => dispatch({ kind: 'lost', why }),
    onFound: () => dispatch({ kind: 'found' }),
  });

  const put = async (question: Question): Promise<void> => {
    const key = keyOf(question);
    asked.set(key, { inFlight: true, answeredAtMs: 0, failed: false });
    const { events, failed } = await answer(connection, deps.scope, question, state);
    asked.set(key, { inFlight: false, answeredAtMs: deps.now(), failed });
    for (const event of events) dispatch(event);
  };

  const dispatch = (event: Event): void => {
    if (closed) return;
    const before = state;
    const updated = update(state, event);
    state = updated.state;
    for (const effect of updated.effects) {
      if (effect.kind === 'order') void carryOut(connection, effect.order).then(dispatch);
      else deps.perform(effect);
    }
    deps.onChange(before, state);
    for (const question of dueQuestions(state, deps.interest(state), asked)) void put(question);
  };

  const timer = setInterval(() => dispatch({ kind: 'tick', nowMs: deps.now() }), TICK_MS);
  dispatch({ kind: 'tick', nowMs: deps.now() });
  return {
    state: () => state,
    dispatch,
    close() {
      closed = true;
      clearInterval(timer);
      connection.close();
    },
  };
}
