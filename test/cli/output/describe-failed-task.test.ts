import { expect, test } from 'vitest';
import { describeFailedTask } from '../../../src/cli/output/describe-failed-task.ts';

test('a run whose task fails is continued by a reset, or started again if no task of it was ever completed', () => {
  const reset = 'temporal workflow reset --workflow-id x';
  expect(describeFailedTask({ reason: 'no', reset })).toMatch(
    / repeats nothing on the host, with: temporal /,
  );
  expect(describeFailedTask({ reason: 'no' })).toMatch(/ If none can, terminate it and start it again: /);
});
