import { Context } from '@temporalio/activity';
import { boundedProblems, type Problem } from '../domain/plan/problems.ts';
import { ChandlerError } from '../domain/run/failure.ts';
import type { Target } from '../domain/plan/schema.ts';
import { validateFleet } from '../domain/fleet/validate-fleet.ts';
import { validatePlan, validateWatch } from '../domain/plan/validate.ts';
import { toTemporalFailure } from './temporal-failure.ts';
import type { ActivityDeps } from './activity-deps.ts';
import { cleanActivities } from './clean-activities.ts';
import { fleetActivities } from './fleet-activities.ts';
import { hostActivities } from './host-activities.ts';
import { findLacks } from './find-lacks.ts';
import { readPins } from './read-pins.ts';
import { inspectActivities } from '../inspect/inspect-activities.ts';
import { scriptActivities } from '../self-provision/script-activities.ts';
import { stepActivities } from './step-activities.ts';
import type { Activities, Admission, HostRef } from './activity-types.ts';

/** Creates the activities. They keep no state: each asks the host anew. */
export function createActivities(deps: ActivityDeps): Activities {
  const admit = async ({ problems = [] }: { problems?: readonly Problem[] }): Promise<Admission> => ({
    problems: boundedProblems(problems),
    searchAttributes: await deps.knownSearchAttributes(),
    ...(deps.notifySettings && { notify: deps.notifySettings }),
  });
  return atBoundary({
    async admitPlan(input) {
      const { plan, problems = [] } = validatePlan(input);
      const [admission, lacks, { pins, lacks: missing }] = await Promise.all([
        admit({ problems }),
        plan ? findLacks(deps, plan) : [],
        readPins(deps, plan),
      ]);
      const all = [...lacks, ...missing];
      return {
        ...admission,
        ...(all.length > 0 && { lacks: all }),
        ...(pins && { pins }),
      };
    },
    admitWatch: (input) => admit(validateWatch(input)),
    admitFleet: (input) => admit(validateFleet(input)),
    async checkInput(input) {
      const { problems = [] } = 'plan' in input ? validatePlan(input.plan) : validateWatch(input);
      return boundedProblems(problems);
    },
    ...fleetActivities(deps),
    ...hostActivities(deps),
    ...cleanActivities(deps),
    ...stepActivities(deps),
    ...scriptActivities(deps),
    ...inspectActivities(deps),
    // A stopping worker leaves undelivered notifications to another one.
    sendNotification: ({ notification, channel }) =>
      deps.notify(notification, channel, Context.current().cancellationSignal),
  });
}

/** Wraps every activity so that its failures are converted in one way and name the host. */
function atBoundary(activities: Activities): Activities {
  return Object.fromEntries(
    Object.entries(activities).map(([name, activity]: [string, (input: never) => Promise<unknown>]) => [
      name,
      async (input: never) => {
        try {
          refuseStandalone();
          return await activity(input);
        } catch (error) {
          throw toTemporalFailure(error, targetOf(input));
        }
      },
    ]),
  ) as unknown as Activities;
}

/** Refuses an activity that a client started by itself, because only workflows validate the input. */
function refuseStandalone(): void {
  if (!Context.current().info.inWorkflow)
    throw new ChandlerError('invalid-input', "Chandler's activities run only as part of its workflows");
}

/** The host that an activity is about. Activities that validate an input have none. */
function targetOf(input: unknown): Target | undefined {
  const { host, target } = Object(input) as { readonly host?: HostRef; readonly target?: Target };
  return host?.target ?? target;
}
