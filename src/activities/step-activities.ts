import { withoutFiles } from '../domain/plan/resolve-plan.ts';
import { makeLaunch, type Launch } from '../domain/run/ids.ts';
import type { Host } from '../host/host.ts';
import { CHECK_BOUND_S, type Progress } from '../host/launch.ts';
import { renderCheck, type LaunchWork } from '../host/launch-body.ts';
import { notStarted, withoutCommand } from '../host/not-started.ts';
import { startLaunch } from '../host/start-launch.ts';
import { hostOf, onHost, type ActivityDeps } from './activity-deps.ts';
import { withHeartbeats, type WaitContext } from './with-heartbeats.ts';
import { keepLease, laterHolder } from './take-lease.ts';
import { heartbeatOf, progressOf, readEnd, waitForEnd, waitForEndOrPrompt } from './wait-for-end.ts';
import { readPage } from './read-page.ts';
import { refuseOtherWork } from './refuse-other-work.ts';
import { resolveContents, type StepContents } from './step-contents.ts';
import type { Activities, HostRef } from './activity-types.ts';

type StepActivities = Pick<
  Activities,
  'runStep' | 'inspectLaunch' | 'waitStep' | 'finalizeStep' | 'killStep' | 'readLog'
>;

/**
 * How long a request to start a launch waits for its end, so that a short step costs one call of the host. In seconds: no longer than
 * a slot for short activities may be held, and than a person waits for an abort.
 */
const SHORT_WAIT_S = 2;

export function stepActivities(deps: ActivityDeps): StepActivities {
  /** A finished launch needs no slot, because its end is read at once. */
  const hold = <T>(host: Host, launch: Launch, wait: () => Promise<T>) =>
    deps.waits.hold(wait, () => isOver(host, launch));
  return {
    async runStep(input) {
      const host = await hostOf(deps, input.host);
      const contents = await resolveContents(deps, input.step);
      return withHeartbeats(heartbeatOf(input.launch), (context) => runStep(host, input, contents, context));
    },

    inspectLaunch: ({ host: ref, launch }) => onHost(deps, ref, (host) => host.state(launch.id)),

    async waitStep({ host: ref, launch, secrets: references, pace, prompt = '' }) {
      const host = await hostOf(deps, ref);
      const secrets = Object.values(await deps.resolveSecrets(references));
      return hold(host, launch, () => waitForEndOrPrompt({ host, ref, launch, secrets, pace }, prompt));
    },

    async finalizeStep({ host: ref, step, launch, record, pace, lease }) {
      const host = await hostOf(deps, ref);
      const { secrets, masked } = await resolveContents(deps, withoutFiles(step));
      const finalizer = { script: step.finalize ?? '', files: [], reboot: undefined };
      const work = { ...step, ...finalizer, secrets, masked, lease, record };
      const watched = { host, ref, launch, secrets: masked, pace };
      const state = await withHeartbeats(heartbeatOf(launch), async ({ signal }) => {
        await checkReset(host, { ref, launch, lease, work, signal });
        return startLaunch(host, launch, work, { forS: SHORT_WAIT_S, signal });
      });
      return state.kind === 'exited'
        ? readEnd(watched, state)
        : hold(host, launch, () => waitForEnd(watched));
    },

    killStep: ({ host: ref, launch, graceS, keepSession = false }) =>
      onHost(
        deps,
        ref,
        async (host) => {
          const place = keepSession ? undefined : host.placeToEnd(launch);
          const { found, left, state } = await host.kill(launch.id, { graceS, place });
          // Taken from the launch's record, because an earlier attempt of this activity may have killed it.
          const byItself = state.kind === 'exited' && !state.killed;
          return { found, left, ...(byItself && { exitCode: state.code }) };
        },
        { step: launch.step },
      ),

    async readLog({ host: ref, launch, offset, start = offset, maxBytes, followS, secrets }) {
      const values = Object.values(await deps.resolveSecrets(secrets));
      return onHost(deps, ref, (host, signal) =>
        readPage(host, launch, { start, maxBytes, followS, values, signal }),
      );
    },
  };
}

async function runStep(
  host: Host,
  { host: ref, step, launch, record, lease }: Parameters<Activities['runStep']>[0],
  { secrets, masked, files }: StepContents,
  { signal, report }: WaitContext,
): ReturnType<Activities['runStep']> {
  const { check } = step;
  const work = { ...step, secrets, masked, files, lease, record };
  await checkReset(host, { ref, launch, lease, work, signal });
  // Once the launch exists, a check might judge work that is half done.
  if (check !== undefined && (await host.state(launch.id)).kind === 'absent') {
    const body = renderCheck(check, { ...step.env, ...secrets }, files);
    const options = { boundS: CHECK_BOUND_S, record, lease, signal };
    if ((await host.check(launch.id, body, options)) === 0) return 'satisfied';
  }
  let begunMs = Infinity;
  const isBegun = () => begunMs < Infinity;
  const onProgress = (progress: Progress) => {
    begunMs = Math.min(begunMs, performance.now());
    report(progressOf(progress, masked));
  };
  const forS = Math.min(SHORT_WAIT_S, Math.ceil(step.timeoutMs / 1000));
  const state = await startLaunch(host, launch, work, { forS, onProgress, signal }).catch(
    (error: unknown) => {
      // The launch runs on if access to the host is lost, and the workflow waits for it.
      if (signal.aborted || !isBegun()) throw error;
    },
  );
  if (state?.kind === 'created') {
    const { waiting } = state;
    if (waiting?.for !== 'login-shell') throw notStarted(`the session of ${step.name}`, waiting);
    return { waiting: { ...waiting, output: withoutCommand(waiting.output) } };
  }
  const ended = state ? await readEnd({ host, ref, launch, secrets: masked }, state) : 'running';
  if (ended !== 'running') return ended;
  return { startedMsAgo: isBegun() ? Math.round(performance.now() - begunMs) : 0 };
}

/** Checks what a workflow cannot know after a reset. */
async function checkReset(
  host: Host,
  request: {
    readonly ref: HostRef;
    readonly launch: Launch;
    readonly lease: string | undefined;
    readonly work: LaunchWork;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { ref, launch, lease, work, signal } = request;
  const holder = laterHolder(lease);
  if (lease === undefined || !holder) return;
  await keepLease(host, ref.target, lease);
  const own = makeLaunch(holder.firstRunId, launch.step, launch.kind, launch.attempt);
  // Launches that it continues for another run, or for the host's script, have the plan's work.
  if (own.id === launch.id) await refuseOtherWork(host, launch, work, signal);
}

async function isOver(host: Host, { id }: Launch): Promise<boolean> {
  const { kind } = await host.state(id);
  return kind === 'exited' || kind === 'interrupted';
}
