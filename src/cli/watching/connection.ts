import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { ChandlerClient } from '../../client.ts';
import { ChandlerError, reasonOf } from '../../domain/failure.ts';
import { inTime, serverAnswers } from '../look.ts';

/** The server does not answer; a new connection is being made. */
export class LostError extends Error {
  override readonly name = 'LostError';

  /** False if nothing can have come of the question. */
  readonly sent: boolean;

  constructor({ sent }: { readonly sent: boolean }) {
    super('the server does not answer');
    this.sent = sent;
  }
}

/** A client that is replaced when the server has not answered: a channel may take minutes to notice that it is back. */
export interface Connection {
  /**
   * Asks within a bound.
   *
   * @throws LostError while the server does not answer; otherwise what `work` throws
   */
  ask<T>(work: (client: ChandlerClient) => Promise<T>, withinMs?: number): Promise<T>;
  /** Asks no more; the process need not wait for anything. */
  close(): void;
}

export interface ConnectionDeps {
  readonly client: ChandlerClient;
  readonly connect: () => Promise<ChandlerClient>;
  readonly onLost: (why: string) => void;
  readonly onFound: () => void;
}

const ANSWER_MS = 5000;
/** Whoever has not answered by then may be gone. */
const LATE_MS = 1500;
/** How long the server has for a sign of life, which needs no worker. */
const LIFE_MS = 2000;
const RECONNECT_EVERY_MS = 1000;

export function keepConnected({ client: first, connect, onLost, onFound }: ConnectionDeps): Connection {
  let client = first;
  let lost = false;
  const closing = new AbortController();

  const retire = (old: ChandlerClient) => {
    // The first one is closed by whom it belongs to.
    if (old !== first) void old.close();
  };

  const reconnect = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await delay(RECONNECT_EVERY_MS);
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
    async ask(work, withinMs = ANSWER_MS) {
      if (lost) throw new LostError({ sent: false });
      const asked = client;
      const answer = inTime(asked, () => work(asked), withinMs);
      const settled = answer.then(
        () => true,
        () => true,
      );
      // What takes long has its time, if only the server lives.
      const late = Promise.race([settled, delay(LATE_MS, false)]).then(async (isSettled) => {
        if (isSettled || (await serverAnswers(asked, LIFE_MS))) return answer;
        throw new LostError({ sent: true });
      });
      try {
        return await Promise.race([answer, late]);
      } catch (error) {
        if (error instanceof ChandlerError || error instanceof WorkflowNotFoundError) throw error;
        // Without a worker a question ends as without a server: only the server itself can tell which it is.
        if (
          !(error instanceof LostError) &&
          asked === client &&
          !lost &&
          (await serverAnswers(asked, LIFE_MS))
        )
          throw error;
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
