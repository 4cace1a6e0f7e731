import { expect, it } from 'vitest';
import { describeEvent } from '../../src/domain/notification.ts';
import { listParts } from '../../src/domain/status.ts';
import { makeStatus } from '../cli/make-status.ts';

const text = (workflowId: string) => {
  const status = makeStatus();
  const [part] = listParts(status);
  const run = { namespace: 'n', workflowId, runId: 'r', originalRunId: 'r' };
  return describeEvent('parked', status, run, part).text.split('\n').slice(1);
};

it('what people copy from a notification is one command, whatever a run is called', () => {
  expect(text('provision:web1:22')).toEqual(['Look and act: chandler watch provision:web1:22']);
  expect(text('$(id)\n--address=evil\u001b[2J')).toEqual(['Look and act: run $(id) --address=evil']);
  expect(text('--address=evil')).toEqual(['Look and act: run --address=evil']);
});
