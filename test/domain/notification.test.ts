import { expect, test } from 'vitest';
import { describeEvent } from '../../src/domain/notification.ts';
import { listParts } from '../../src/domain/status.ts';
import { makeStatus } from '../cli/make-status.ts';

const tell = (workflowId: string) => {
  const status = makeStatus();
  const parked = listParts(status).find(({ part }) => part.state === 'parked');
  const run = { namespace: 'default', workflowId, runId: 'r', originalRunId: 'o' };
  return describeEvent('parked', status, run, parked);
};

test.each(['provision:web1:22', '2026/a=b', 'x'])('a run is followed by its id %j', (id) => {
  expect(tell(id).text.split('\n').slice(1)).toEqual([`Look and act: chandler watch ${id}`]);
});

test.each(['$(reboot)', 'a; reboot', 'a\nreboot', "a'b", '-rf', ''])(
  'an id that a shell would not take as it is, %j, is no command to copy',
  (id) => {
    const { text, workflowId } = tell(id);
    expect(text.split('\n').slice(1)).toEqual(['Look and act: chandler watch ID, with the id of the run']);
    expect(workflowId).toBe(id);
  },
);
