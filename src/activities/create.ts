import { Context } from '@temporalio/activity';
import type { Problem } from '../domain/problems.ts';
import type { Target } from '../domain/schema.ts';
import { validatePlan, validateWatch } from '../domain/validate.ts';
import { boundedProblems } from './admission.ts';
import { toTemporalFailure } from './boundary.ts';
import type { ActivityDeps } from './deps.ts';
import { hostActivities } from './host.ts';
import { lookActivities } from './inspect.ts';
import { scriptActivities } from './script.ts';
import { stepActivities } from './steps.ts';
import type { Activities, Admission, HostRef } from './types.ts';

/** Makes the activities. Each asks the host anew and remembers nothing. */
export function createActivities(deps: ActivityDeps): Activities {
  const admit = async ({ problems = [] }: { problems?: readonly Problem[] }): Promise<Admission> => ({
    problems: boundedProblems(problems),
    searchAttributes: await deps.knownSearchAttributes(),
    ...(deps.notifyWish && { notify: deps.notifyWish }),
  });
  return atBoundary({
    admitPlan: (input) => admit(validatePlan(input)),
    admitWatch: (input) => admit(validateWatch(input)),
    ...hostActivities(deps),
    ...stepActivities(deps),
    ...scriptActivities(deps),
    ...lookActivities(deps),
    // A worker that stops leaves what has not been told yet to another.
    sendNotification: ({ notification, channel }) =>
      deps.notify(notification, channel, Context.current().cancellationSignal),
  });
}

/** Gives every activity the one conversion of failures, and every failure the host it is about. */
function atBoundary(activities: Activities): Activities {
  return Object.fromEntries(
    Object.entries(activities).map(([name, activity]: [string, (input: never) => Promise<unknown>]) => [
      name,
      async (input: never) => {
        try {
          return await activity(input);
        } catch (error) {
          throw toTemporalFailure(error, targetOf(input));
        }
      },
    ]),
  ) as unknown as Activities;
}

/** The host that an activity is about; those that judge an input have none yet. */
function targetOf(input: unknown): Target | undefined {
  const { host, target } = Object(input) as { readonly host?: HostRef; readonly target?: Target };
  return host?.target ?? target;
}
