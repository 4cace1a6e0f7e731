import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../../client.ts';
import { ChandlerError, reasonOf } from '../../domain/run/failure.ts';
import { RunPausedError } from '../../domain/run/server-pause.ts';
import { isNotFound } from '../errors.ts';
import { serverAnswers } from '../server/observe-run.ts';
import { bounds, intervals } from './intervals.ts';

/** The server does not answer; the program connects again. */
export class LostError extends Error {
  override readonly name = 'LostError';

  /** False if the request certainly had no effect. */
  readonly sent: boolean;

  constructor({ sent }: { readonly sent: boolean }) {
    super('the server does not answer');
    this.sent = sent;
  }
}

/**
 * A client that is replaced after the server did not answer, because a channel may take minutes to notice that the server is
 * back.
 */
export interface Connection {
  /**
   * Makes a request with a time limit.
   *
   * @throws LostError while the server does not answer; otherwise what `work` throws
   */
  ask<T>(work: (client: ChandlerClient) => Promise<T>, withinMs?: number): Promise<T>;
  /** Ends all requests, so that the process can exit. */
  close(): void;
}

export interface ConnectionDeps {
  readonly client: ChandlerClient;
  readonly connect: () => Promise<ChandlerClient>;
  readonly onLost: (why: string) => void;
  readonly onFound: () => void;
}

export function keepConnected({ client: first, connect, onLost, onFound }: ConnectionDeps): Connection {
  let client = first;
  let lost = false;
  const closing = new AbortController();

  const retire = (old: ChandlerClient) => {
    // The first client belongs to the caller, who closes it.
    if (old !== first) void old.close();
  };

  const reconnect = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await delay(intervals.reconnect);
      try {
        const next = await connect();
        if (closing.signal.aborted) return await next.close();
        retire(client);
        client = next;
        lost = false;
        onFound();
        return;
      } catch (error) {
        onLost(reasonOf(error));
      }
    }
  };

  const lose = (asked: ChandlerClient, why: string) => {
    if (asked !== client || lost || closing.signal.aborted) return;
    lost = true;
    onLost(why);
    void reconnect();
  };

  return {
    async ask(work, withinMs: number = bounds.answer) {
      if (lost) throw new LostError({ sent: false });
      const asked = client;
      try {
        return await awaitLiveAnswer(asked, work, withinMs);
      } catch (error) {
        if (error instanceof ChandlerError || isNotFound(error) || error instanceof RunPausedError)
          throw error;
        // A request without a worker fails like one without a server, so the server itself is asked.
        const isOpen = !(error instanceof LostError) && asked === client && !lost;
        if (isOpen && (await serverAnswers(asked, bounds.server))) throw error;
        lose(asked, reasonOf(error));
        throw new LostError({ sent: true });
      }
    },
    close() {
      closing.abort();
      retire(client);
    },
  };
}

/** A late answer is waited for as long as the server lives. */
function awaitLiveAnswer<T>(
  client: ChandlerClient,
  work: (client: ChandlerClient) => Promise<T>,
  withinMs: number,
): Promise<T> {
  const answer = client.within(withinMs, () => work(client));
  const settled = answer.then(
    () => true,
    () => true,
  );
  const late = Promise.race([settled, delay(bounds.late, false)]).then(async (isSettled) => {
    if (isSettled || (await serverAnswers(client, bounds.server))) return answer;
    throw new LostError({ sent: true });
  });
  return Promise.race([answer, late]);
}
