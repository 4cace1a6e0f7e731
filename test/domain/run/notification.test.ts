import { expect, it } from 'vitest';
import { describeEvent } from '../../../src/domain/run/notification.ts';
import { listParts } from '../../../src/domain/run/status.ts';
import { makeStatus } from '../../cli/make-status.ts';

const text = (workflowId: string) => {
  const status = makeStatus();
  const [part] = listParts(status);
  const run = { namespace: 'n', workflowId, runId: 'r', originalRunId: 'r' };
  return describeEvent('parked', status, run, part).text.split('\n').slice(1);
};

it('what people copy from a notification is one command, whatever a run is called', () => {
  expect(text('provision:web1:22')).toEqual(['Inspect and act: chandler watch provision:web1:22']);
  expect(text('$(id)\n--address=evil\u001b[2J')).toEqual(['Inspect and act: run $(id) --address=evil']);
  expect(text('--address=evil')).toEqual(['Inspect and act: run --address=evil']);
});

it('a notification of a provisioned host names what was skipped', () => {
  const run = { namespace: 'n', workflowId: 'w', runId: 'r', originalRunId: 'r' };
  const textOf = (state: 'skipped' | 'succeeded') =>
    describeEvent('provisioned', makeStatus({ steps: [{ name: 'a', state, attempt: 1 }] }), run).text;
  expect(textOf('skipped')).toBe('root@web1:22 is provisioned, with 1 skipped: a (demo)');
  expect(textOf('succeeded')).toBe('root@web1:22 is provisioned (demo)');
});
