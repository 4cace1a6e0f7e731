import { ChandlerError } from '../domain/failure.ts';
import { openRunner, type ActivityDeps } from './deps.ts';
import { withHeartbeats } from './heartbeat.ts';
import { waitAndSettle } from './launches.ts';
import { readPage } from './log-page.ts';
import type { Activities } from './types.ts';

type StepActivities = Pick<Activities, 'runStep' | 'waitStep' | 'finalizeStep' | 'killStep' | 'readLog'>;

/** What is done with launches: of steps, and of their finalizers. */
export function stepActivities(deps: ActivityDeps): StepActivities {
  return {
    async runStep({ host, step, launch, starts }) {
      const runner = await openRunner(deps, host);
      const secrets = await deps.resolveSecrets(step.secrets);
      return withHeartbeats({ step: step.name }, async ({ signal }) => {
        const { check } = step;
        // Once there is a launch, what a check sees may be half of its work.
        if (check !== undefined && (await runner.host.state(launch.id)).kind === 'absent') {
          if (await runner.isSatisfied(check, { ...step.env, ...secrets }, launch, signal))
            return 'satisfied';
        }
        const work = { script: step.script, env: step.env, secrets };
        const state = await runner.startLaunch(launch, work, { attempt: starts, signal });
        if (state.kind !== 'created') return 'started';
        throw new ChandlerError('launch-not-started', `the session of ${step.name} did not begin it`, {
          facts: {
            advice:
              "See what the login user's profile does (it may neither exit nor read input), then retry the step.",
          },
        });
      });
    },

    async waitStep({ host, launch, secrets }) {
      const runner = await openRunner(deps, host);
      return waitAndSettle(runner, host, launch, Object.values(await deps.resolveSecrets(secrets)));
    },

    async finalizeStep({ host, step, launch, starts }) {
      const runner = await openRunner(deps, host);
      const secrets = await deps.resolveSecrets(step.secrets);
      const work = { script: step.finalize ?? '', env: step.env, secrets };
      await withHeartbeats({ step: step.name }, ({ signal }) =>
        runner.startLaunch(launch, work, { attempt: starts, signal }),
      );
      return waitAndSettle(runner, host, launch, Object.values(secrets));
    },

    async killStep({ host, launch, graceS, keepSession = false }) {
      const runner = await openRunner(deps, host);
      return withHeartbeats({ step: launch.step }, async () => {
        const { found, left, state } = await runner.killLaunch(launch, graceS, { keepSession });
        // Asked of its record, not of a look before: this may be the second try of an order that has done its work.
        const byItself = state.kind === 'exited' && !state.killed;
        return { found, left, ...(byItself && { exitCode: state.code }) };
      });
    },

    async readLog({ host, launch, offset, start = offset, maxBytes, followS, secrets }) {
      const runner = await openRunner(deps, host);
      const values = Object.values(await deps.resolveSecrets(secrets));
      return withHeartbeats({}, ({ signal }) =>
        readPage(runner, launch, { start, maxBytes, followS, values, signal }),
      );
    },
  };
}
