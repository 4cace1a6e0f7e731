import type { Activities } from '../../src/activities/types.ts';
import type { ChandlerClient } from '../../src/client.ts';
import type { Plan } from '../../src/domain/schema.ts';
import { poll } from '../support/poll.ts';
import { failed } from './harness.ts';

const step = (name: string, more: object = {}) => ({ name, script: 'true', ...more });
const parked = (client: ChandlerClient, id: string) =>
  poll(async () => (await client.status(id).catch(() => undefined))?.attention === true, `${id} parked`);

/** A run whose history is kept: on a host that does everything at once, except for `changes`. */
interface Recording {
  readonly changes?: Partial<Activities>;
  readonly steps: Plan['steps'];
  readonly options?: Partial<Plan>;
  readonly act?: (client: ChandlerClient, id: string) => Promise<void>;
}
const failsFirst = (): Activities['waitStep'] => {
  let count = 0;
  return ({ launch }) =>
    launch.step === 'b' && (count += 1) === 1
      ? Promise.reject(failed(3))
      : Promise.resolve({ exitCode: 0, elapsedMs: 1, logBytes: 0 });
};
/** The ways a run can go, by the names of their files. */
export const recordings: Readonly<Record<string, Recording>> = {
  provisioned: {
    steps: [step('a', { finalize: 'true' }), step('b', { needs: ['a'] }), step('c')],
    options: { bootstrap: { marker: '/ready' } },
  },
  'parked-and-retried': {
    changes: { waitStep: failsFirst() },
    steps: [step('a'), step('b', { retry: { attempts: 1 } })],
    async act(client, id) {
      await parked(client, id);
      await client.pause(id);
      await client.resume(id);
      await client.retry(id, { step: 'b', script: 'other' });
    },
  },
  aborted: {
    changes: { waitStep: failsFirst() },
    steps: [step('a'), step('b'), step('c', { needs: ['b'] })],
    async act(client, id) {
      await parked(client, id);
      await client.abort(id, { reason: 'enough' });
    },
  },
  'failed-with-continue': {
    changes: { waitStep: () => Promise.reject(failed(3)) },
    steps: [step('a', { retry: { attempts: 2, backoff: '1s' } }), step('b', { needs: ['a'] })],
    options: { onStepFailure: 'continue' },
  },
  'invalid-input': {
    changes: {
      admitPlan: async () => ({
        problems: [{ path: 'steps', message: 'is missing' }],
        searchAttributes: false,
      }),
    },
    steps: [step('a')],
  },
};
