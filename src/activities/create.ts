import { Context } from '@temporalio/activity';
import { ChandlerError } from '../domain/failure.ts';
import { addressOf } from '../domain/ids.ts';
import type { Notification, NotificationChannel, NotifyWish } from '../domain/notification.ts';
import type { Problem } from '../domain/problems.ts';
import type { Target } from '../domain/schema.ts';
import type { SearchAttribute } from '../domain/search-attributes.ts';
import { validatePlan, validateWatch } from '../domain/validate.ts';
import { checkNow } from '../host/inspect.ts';
import { renderCheck } from '../host/launch-body.ts';
import type { Programs } from '../host/programs.ts';
import { Runner } from '../provision/runner.ts';
import type { ZmxSource } from '../host/install-zmx.ts';
import { trySessions, withSudo, type Executor, type ResolvedTarget } from '../ssh/index.ts';
import { boundedProblems } from './admission.ts';
import { toTemporalFailure } from './boundary.ts';
import { withHeartbeats } from './heartbeat.ts';
import { seeHost, seeWorker, type SelfSight } from './inspect.ts';
import { takeLease, encodeHolder } from './lease.ts';
import { waitAndSettle } from './launches.ts';
import { readPage } from './log-page.ts';
import { followScript, readPlan, surveyLaunches, viewScript } from './script.ts';
import type { Activities, Admission, HostRef, LeaseHolder } from './types.ts';

/** What activities need from the worker. */
export interface ActivityDeps {
  readonly programs: Programs;
  readonly executorFor: (target: ResolvedTarget) => Executor;
  readonly resolveTarget: (target: Target) => Promise<ResolvedTarget>;
  readonly resolveSecrets: (references: Readonly<Record<string, string>>) => Promise<Record<string, string>>;
  /** Where zmx comes from when the plan does not say, and how files of the worker are read. */
  readonly zmx: ZmxSource;
  /** Those of our search attributes that the server knows. */
  readonly knownSearchAttributes: () => Promise<readonly SearchAttribute[]>;
  /** What people are to be told of runs; missing if nothing. */
  readonly notifyWish: NotifyWish | undefined;
  readonly notify: (
    notification: Notification,
    channel: NotificationChannel,
    signal: AbortSignal,
  ) => Promise<void>;
  /** The engine's own id of the namespace: its name is `default` on many servers. */
  readonly namespaceId: () => Promise<string>;
  /** Whether the workflow that holds a lease may still be at work. */
  readonly isOpen: (holder: LeaseHolder) => Promise<boolean>;
  /** What the worker knows of itself. */
  readonly inspectSelf: () => Promise<SelfSight>;
}

/** Seconds that a script has to end everything it has started. */
const STOP_S = 50;

/** Makes the activities. Each asks the host anew and remembers nothing. */
export function createActivities(deps: ActivityDeps): Activities {
  const connect = async (target: Target): Promise<Executor> => {
    const executor = deps.executorFor(await deps.resolveTarget(target));
    return target.become === 'sudo' ? withSudo(executor) : executor;
  };
  const open = async ({ target, facts, zmx }: HostRef): Promise<Runner> =>
    new Runner({
      executor: await connect(target),
      programs: deps.programs,
      facts,
      runId: '',
      ...(zmx && { zmx }),
    });

  const admit = async ({ problems = [] }: { problems?: readonly Problem[] }): Promise<Admission> => ({
    problems: boundedProblems(problems),
    searchAttributes: await deps.knownSearchAttributes(),
    ...(deps.notifyWish && { notify: deps.notifyWish }),
  });

  const activities: Activities = {
    admitPlan: (input) => admit(validatePlan(input)),
    admitWatch: (input) => admit(validateWatch(input)),

    async prepareHost({ target, sentinelPath, holder, digest, pruneAfterDays }) {
      const executor = await connect(target);
      return withHeartbeats({ host: addressOf(target) }, async ({ signal }) => {
        const runner = await Runner.open({
          executor,
          programs: deps.programs,
          runId: holder.firstRunId,
          signal,
        });
        const me = { ...holder, namespaceId: await deps.namespaceId() };
        await takeLease(runner.host, me, deps.isOpen, digest);
        const { facts } = runner;
        const path = sentinelPath ?? `${facts.stateDir}/provisioned`;
        const [sentinel, script, pruned] = await Promise.all([
          runner.host.readSentinel(path, { mustBeWritable: true }),
          runner.host.readScript(),
          runner.host.prune(pruneAfterDays),
        ]);
        return {
          facts,
          pruned,
          sentinelPath: path,
          ...(sentinel !== undefined && { sentinel }),
          ...(script && { script }),
        };
      });
    },

    async probeHost({ target }) {
      const executor = await connect(target);
      return withHeartbeats({ host: addressOf(target) }, async ({ signal }) => {
        const { facts } = await Runner.open({ executor, programs: deps.programs, runId: '', signal });
        return facts;
      });
    },

    async surveyLaunches({ host, owner, parts }) {
      const runner = await open(host);
      return withHeartbeats({}, () => surveyLaunches(runner.host, owner, parts));
    },

    async followScript({ host, parts, sentinelPath, seen }) {
      const runner = await open(host);
      const view = async () => {
        const script = await runner.host.readScript();
        const zmx =
          script && script.zmxPath !== ''
            ? { path: script.zmxPath, version: '', source: 'existing' as const }
            : undefined;
        return viewScript(await open({ ...host, ...(zmx && { zmx }) }), host, script, parts, sentinelPath);
      };
      return withHeartbeats({}, ({ signal }) => followScript(runner, parts, view, seen, signal));
    },

    async readScriptPlan({ host }) {
      const runner = await open(host);
      return withHeartbeats({}, async () => readPlan(await runner.host.readScriptPlan(), host));
    },

    async stopScript({ host }) {
      const runner = await open(host);
      await withHeartbeats({}, async ({ signal }) => {
        if (!(await runner.host.endScript('stop', STOP_S, signal)))
          throw new ChandlerError('connection-lost', 'the provisioning script does not end');
      });
    },

    async awaitBootstrap({ host, marker, timeoutMs }) {
      const runner = await open(host);
      const boundS = Math.ceil(timeoutMs / 1000);
      const appeared = await withHeartbeats({ waitingFor: marker }, ({ signal }) =>
        runner.host.awaitFile(marker, boundS, signal),
      );
      if (!appeared)
        throw new ChandlerError('bootstrap-timeout', `${marker} did not appear within ${boundS} s`);
    },

    async installZmx({ host, zmx }) {
      const runner = await open(host);
      return withHeartbeats({}, ({ signal }) => runner.installZmx({ ...deps.zmx, spec: zmx }, signal));
    },

    async runStep({ host, step, launch, starts }) {
      const runner = await open(host);
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
      return waitAndSettle(await open(host), host, launch, Object.values(await deps.resolveSecrets(secrets)));
    },

    async finalizeStep({ host, step, launch, starts }) {
      const runner = await open(host);
      const secrets = await deps.resolveSecrets(step.secrets);
      const work = { script: step.finalize ?? '', env: step.env, secrets };
      await withHeartbeats({ step: step.name }, ({ signal }) =>
        runner.startLaunch(launch, work, { attempt: starts, signal }),
      );
      return waitAndSettle(runner, host, launch, Object.values(secrets));
    },

    async verifySentinel({ host, path, content }) {
      const runner = await open(host);
      const found = await withHeartbeats({}, ({ signal }) =>
        runner.host.writeSentinel(path, content, signal),
      );
      if (found !== content)
        throw new ChandlerError('sentinel-missing', `${path} does not read back as written`);
    },

    async killStep({ host, launch, graceS, keepSession = false }) {
      const runner = await open(host);
      return withHeartbeats({ step: launch.step }, async () => {
        const { found, left, state } = await runner.killLaunch(launch, graceS, { keepSession });
        // Asked of its record, not of a look before: this may be the second try of an order that has done its work.
        const byItself = state.kind === 'exited' && !state.killed;
        return { found, left, ...(byItself && { exitCode: state.code }) };
      });
    },

    async readLog({ host, launch, offset, start = offset, maxBytes, followS, secrets }) {
      const runner = await open(host);
      const values = Object.values(await deps.resolveSecrets(secrets));
      return withHeartbeats({}, ({ signal }) =>
        readPage(runner, launch, { start, maxBytes, followS, values, signal }),
      );
    },

    // A worker that stops leaves what has not been told yet to another.
    sendNotification: ({ notification, channel }) =>
      deps.notify(notification, channel, Context.current().cancellationSignal),

    async releaseHost({ host, holder, close, withdraw }) {
      const runner = await open(host);
      await withHeartbeats({}, async () => {
        await Promise.all(
          close.map(async (launch) => {
            const place = runner.place(launch);
            if (place) await runner.host.close(launch.id, place);
          }),
        );
        if (withdraw !== undefined) await runner.host.removeSentinel(withdraw);
        await runner.host.release(encodeHolder({ ...holder, namespaceId: await deps.namespaceId() }));
      });
    },

    inspectWorker: (input) => seeWorker(deps, input),

    async lookAtHost(input) {
      const resolved = await deps.resolveTarget(input.target);
      const executor = await connect(input.target);
      const { programs, zmx, isOpen } = deps;
      return withHeartbeats({}, ({ signal }) =>
        seeHost(
          { executor, programs, signal, zmx, isOpen, trySessions: (count) => trySessions(resolved, count) },
          input,
        ),
      );
    },

    async checkStep({ target, stateDir, step, id }) {
      const executor = await connect(target);
      const script = renderCheck(step.check ?? '', {
        ...step.env,
        ...(await deps.resolveSecrets(step.secrets)),
      });
      return withHeartbeats({ step: step.name }, ({ signal }) =>
        checkNow({ executor, programs: deps.programs, signal }, stateDir, id, script),
      );
    },
  };
  return atBoundary(activities);
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
