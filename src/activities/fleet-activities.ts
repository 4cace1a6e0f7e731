import type { ActivityDeps } from './activity-deps.ts';
import type { Activities } from './activity-types.ts';
import { withHeartbeats } from './with-heartbeats.ts';

/** What a fleet asks the server about the runs of its hosts. */
export function fleetActivities({
  surveyRun,
  signalRun,
}: ActivityDeps): Pick<Activities, 'surveyRuns' | 'signalRuns'> {
  return {
    surveyRuns: ({ workflowIds }) => withHeartbeats({}, () => Promise.all(workflowIds.map(surveyRun))),
    signalRuns: ({ runs, signal, input }) =>
      withHeartbeats({}, async () => {
        await Promise.all(runs.map((run) => signalRun(run, signal, input)));
      }),
  };
}
