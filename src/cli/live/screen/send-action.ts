import { randomUUID } from 'node:crypto';
import { actions, SENT_AS_SIGNAL } from '../../../domain/run/actions.ts';
import { firstLine } from '../../errors.ts';
import { LostError, type Connection } from '../keep-connected.ts';
import type { ActionRequest, Event } from './model.ts';

export async function sendAction(ask: Connection['ask'], request: ActionRequest): Promise<Event> {
  const { run, name, input } = request;
  try {
    const status = await ask((client) =>
      client[actions[name].method](run, { ...input, requestId: randomUUID() } as never),
    );
    return status ? { kind: 'accepted', request, status } : { kind: 'message', text: SENT_AS_SIGNAL };
  } catch (error) {
    if (error instanceof LostError) {
      const what = error.sent ? 'check the status of the run before you try again' : 'nothing was sent';
      return { kind: 'message', text: `The server does not answer: ${what}` };
    }
    return { kind: 'message', text: `Refused: ${firstLine(error)}` };
  }
}
