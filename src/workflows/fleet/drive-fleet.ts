import {
  CancellationScope,
  CancelledFailure,
  allHandlersFinished,
  condition,
  defineSignal,
  isCancellation,
  log,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { FleetResult } from '../../domain/fleet/fleet-status.ts';
import { HOST_REPORT, invalidReportReason, type HostReport } from '../../domain/fleet/host-report.ts';
import { recordRefused } from '../accept-actions.ts';
import { failureOf, workflowFailure } from '../failures.ts';
import { resultOfFleet } from './describe-fleet.ts';
import { checkWave } from './check-wave.ts';
import { hasOpenRun, type Fleet } from './fleet.ts';
import { answerFleetQueries } from './fleet-queries.ts';
import { createFleetReporter } from './fleet-reporter.ts';
import { handleFleetActions } from './handle-fleet-actions.ts';
import { acceptReport, startHost } from './host-runs.ts';
import { signalHosts } from './signal-hosts.ts';
import { surveyRuns } from './survey-runs.ts';

/**
 * Far below the server's own suggestion (4,096): another worker replays the history at about 0.7 ms of CPU an event, within the ten
 * seconds of a workflow task also on a busy machine. A host takes about six events.
 */
const MAX_HISTORY_LENGTH = 1_000;

/** Drives a fleet to its end. `continueAsNew` is called when its history gets long. */
export async function driveFleet(fleet: Fleet, continueAsNew: () => Promise<never>): Promise<FleetResult> {
  const driver = new FleetDriver(fleet, continueAsNew);
  try {
    await driver.drive();
  } catch (error) {
    if (!isCancellation(error)) throw error;
    if (!fleet.rollout.aborting) fleet.abortReason = 'cancelled';
    fleet.rollout.abort('end');
    await CancellationScope.nonCancellable(() => driver.drive());
    await driver.finish();
    throw new CancelledFailure('cancelled');
  }
  await driver.finish();
  if (!fleet.rollout.aborting) return resultOfFleet(fleet);
  const { failures, auditTrail } = resultOfFleet(fleet);
  throw workflowFailure(failureOf('aborted', `aborted (${fleet.abortReason})`), { failures, auditTrail });
}

class FleetDriver {
  readonly #fleet: Fleet;
  readonly #continueAsNew: () => Promise<never>;
  readonly #reporter: ReturnType<typeof createFleetReporter>;
  /** What the fleet has asked the server for and still waits for. */
  readonly #pending = new Set<Promise<unknown>>();
  /** Hosts whose runs the fleet has asked to end. */
  readonly #askedToEnd = new Set<number>();
  #hasNews = true;
  #isChecking = false;
  #alarm: { readonly atMs: number; readonly scope: CancellationScope } | undefined;

  constructor(fleet: Fleet, continueAsNew: () => Promise<never>) {
    this.#fleet = fleet;
    this.#continueAsNew = continueAsNew;
    this.#reporter = createFleetReporter(fleet);
    const wake = () => {
      this.#hasNews = true;
    };
    setHandler(defineSignal<[unknown, unknown?]>(HOST_REPORT), (report, sender) => {
      const refused = invalidReportReason(report);
      if (refused === undefined) acceptReport(fleet, report as HostReport);
      else recordRefused(fleet, { action: HOST_REPORT, input: report, sender, refused });
      wake();
    });
    answerFleetQueries(fleet);
    handleFleetActions(fleet, {
      onChange: wake,
      retryStep: (hosts, input) => this.#track(signalHosts(fleet, hosts, 'retryStep', input)),
    });
  }

  /** Returns once nothing is left to do. */
  async drive(): Promise<void> {
    const surveys = new CancellationScope();
    surveys.run(() => surveyRuns(this.#fleet, this.#wake)).catch(ignoreCancellation);
    try {
      for (;;) {
        this.#hasNews = false;
        if (this.#mustContinueAsNew() && !this.#isDone()) await this.#leave();
        this.#move();
        if (this.#isDone()) return;
        await condition(() => this.#hasNews);
      }
    } finally {
      surveys.cancel();
      this.#setAlarm(undefined);
    }
  }

  /** Reports the end, and waits until every sender of an action has an answer. */
  async finish(): Promise<void> {
    this.#fleet.endedAtMs = Date.now();
    this.#reporter.report();
    await CancellationScope.nonCancellable(async () => {
      await this.#reporter.delivered();
      await condition(allHandlersFinished);
    });
  }

  readonly #wake = (): void => {
    this.#hasNews = true;
  };

  #isDone(): boolean {
    return this.#fleet.rollout.isOver && this.#pending.size === 0;
  }

  #move(): void {
    const { rollout } = this.#fleet;
    const { start, wakeAtMs } = rollout.next(Date.now());
    for (const host of start) this.#track(startHost(this.#fleet, host, this.#wake));
    if (rollout.aborting === 'end') this.#endRuns();
    const { gate, isWaveOver, aborting } = rollout;
    const mustCheck = gate?.kind === 'check' && gate.failed === undefined && isWaveOver && !aborting;
    if (mustCheck && !this.#isChecking) this.#track(this.#check());
    this.#setAlarm(wakeAtMs);
    this.#reporter.report();
  }

  /** Checks the wave that is over, and starts the next one if all is well. */
  async #check(): Promise<void> {
    const { rollout } = this.#fleet;
    const { gate } = rollout;
    this.#isChecking = true;
    try {
      const reason = await checkWave(this.#fleet);
      // An operator may have started the next wave.
      if (rollout.gate !== gate) return;
      if (reason === undefined) rollout.promote();
      else rollout.checkFailed(reason);
    } finally {
      this.#isChecking = false;
    }
  }

  /** Aborts open runs. One that is about to start is aborted after that. */
  #endRuns(): void {
    const { rollout, runs, abortReason = 'the fleet was aborted' } = this.#fleet;
    const hosts = [...runs].flatMap(([host, { firstRunId }]) =>
      firstRunId !== undefined && hasOpenRun(rollout, host) && !this.#askedToEnd.has(host) ? [host] : [],
    );
    if (hosts.length === 0) return;
    for (const host of hosts) this.#askedToEnd.add(host);
    const requestId = `fleet:${workflowInfo().firstExecutionRunId}`;
    const input = { reason: `fleet ${this.#fleet.input.name}: ${abortReason}`, requestId };
    this.#track(CancellationScope.nonCancellable(() => signalHosts(this.#fleet, hosts, 'abort', input)));
  }

  #ring(): void {
    this.#alarm = undefined;
    this.#hasNews = true;
  }

  #track(started: Promise<unknown>): void {
    const work = started.catch(ignoreCancellation);
    this.#pending.add(work);
    void work.finally(() => {
      this.#pending.delete(work);
      this.#hasNews = true;
    });
  }

  #mustContinueAsNew(): boolean {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    return continueAsNewSuggested || historyLength > MAX_HISTORY_LENGTH;
  }

  /** Continues as new once nothing is under way whose end this execution alone would learn of. */
  async #leave(): Promise<void> {
    do {
      await condition(() => this.#pending.size === 0 && allHandlersFinished());
      await this.#reporter.delivered();
    } while (this.#pending.size > 0);
    log.info('continuing as new');
    await this.#continueAsNew();
  }

  /** Sets the time at which the rollout must be asked again. An alarm of the same time stays, because timers cost history. */
  #setAlarm(atMs: number | undefined): void {
    if (this.#alarm?.atMs === atMs) return;
    this.#alarm?.scope.cancel();
    this.#alarm = undefined;
    if (atMs === undefined) return;
    const scope = new CancellationScope();
    this.#alarm = { atMs, scope };
    scope
      .run(() => sleep(Math.max(1, atMs - Date.now()), { summary: 'next move' }))
      .then(() => this.#ring(), ignoreCancellation);
  }
}

function ignoreCancellation(error: unknown): void {
  if (!isCancellation(error)) throw error;
}
