import type { FailureCode } from '../src/domain/run/failure.ts';
import { makeLaunch } from '../src/domain/run/ids.ts';
import { acceptedActions } from '../src/domain/run/audit-trail.ts';
import { isDone } from '../src/domain/run/status.ts';
import { WORKFLOW_RESET } from './controls.ts';
import { launchesOf, type Evidence } from './evidence.ts';
import { groupBy } from './group.ts';
import type { LedgerLine } from './ledger.ts';
import type { DrawnStep } from './plans.ts';
import { expectedLog, NO_LEDGER, type Work } from './script.ts';
import type { SeriesInvariant } from './series/judge-series.ts';

/** A broken promise, with its evidence. */
export interface Violation {
  readonly invariant: keyof typeof invariants | 'one lease per host' | SeriesInvariant;
  readonly what: string;
}

type Check = (evidence: Evidence) => string[];

/** What must hold for every run. Each check returns its violations. */
export const invariants = {
  'the ledger was reached': ({ launches }) =>
    launches
      .filter(({ code }) => code === NO_LEDGER)
      .map(({ launch }) => `launch ${launch} could not reach the ledger`),

  'a run ends or is parked with a reason': ({ outcome }) => {
    if (outcome.outcome === 'stuck') return [outcome.why];
    if (outcome.outcome !== 'failed' && outcome.outcome !== 'aborted') return [];
    const { code, message } = outcome.failure;
    return code === 'internal-error' || message === '' ? [`ended without a reason: ${code} ${message}`] : [];
  },

  'a run fails only for a known cause': (evidence) => {
    const { outcome } = evidence.outcome;
    if (outcome === 'aborted') return wasEnded(evidence) ? [] : ['aborted without a request'];
    if (outcome !== 'failed') return [];
    const { code, message } = evidence.outcome.failure;
    return causes[code]?.(evidence) === true ? [] : [`failed without a known cause: ${code} ${message}`];
  },

  'a launch runs exactly once': (evidence) => [
    ...[...groupBy(evidence.ledger, partKey)].flatMap(([part, lines]) => {
      const starts = lines.filter(({ event }) => event === 'start').length;
      const ends = lines.length - starts;
      if (starts !== 1 || ends > 1) return [`${part}: ${starts} starts and ${ends} ends`];
      return lines[0]?.event === 'start' ? [] : [`${part}: its end comes before its start`];
    }),
    ...[...groupBy(evidence.ledger, ({ launch }) => launch)].flatMap(([launch, lines]) =>
      new Set(lines.map(partKey)).size > 1 ? [`launch ${launch} ran as several parts`] : [],
    ),
  ],

  'only requested launches run': (evidence) => {
    const known = new Map(launchesOf(evidence).map((launch) => [launch.id, launch]));
    return evidence.ledger.flatMap(({ launch, kind, step, attempt, event }) => {
      const created = known.get(launch);
      // The status has no actions from after the point of a reset.
      const before =
        resetsOf(evidence) > 0 && makeLaunch(evidence.firstRunId, step, kind, attempt).id === launch;
      const same = before || (created?.kind === kind && created.step === step && created.attempt === attempt);
      return same || event === 'end' ? [] : [`${launch} (${kind} ${step} ${attempt}) was never requested`];
    });
  },

  'nothing runs again without a policy or an action': (evidence) =>
    evidence.status.steps.flatMap((step) => {
      const { drawn, status } = evidence;
      const asked = acceptedActions(status).filter(
        (i) => i.action === 'retryStep' && i.step === step.name,
      ).length;
      const attempts = drawn.steps.find(({ name }) => name === step.name)?.attempts ?? 1;
      // A run that continues another repeats failed and interrupted attempts; a reset forgets later actions.
      const begunAgain = (evidence.continues ? 1 : 0) + resetsOf(evidence) * (1 + MAX_RETRIES);
      const most = attempts * (1 + begunAgain + asked);
      return [step.attempt, step.finalizer?.attempt ?? 0].flatMap((attempt) =>
        attempt > most ? [`${step.name}: attempt ${attempt}, though at most ${most} were requested`] : [],
      );
    }),

  'no success without an end with code 0': (evidence) => {
    const ended = endsWell(evidence);
    const claimed = evidence.claims
      .filter(({ claims }) => claims === 'succeeded')
      .map(({ launch }) => launch);
    const recorded = evidence.launches.filter(({ code }) => code === 0).map(({ launch }) => launch);
    const shown = launchesOf(evidence)
      .filter(({ step, kind, attempt }) => {
        const status = evidence.status.steps.find(({ name }) => name === step);
        const part = kind === 'step' ? status : status?.finalizer;
        return part?.state === 'succeeded' && part.attempt === attempt;
      })
      .map(({ id }) => id);
    return [
      ...claimed.map((launch) => [launch, 'history']),
      ...recorded.map((launch) => [launch, 'its host']),
      ...shown.map((launch) => [launch, 'its status']),
    ].flatMap(([launch = '', who]) =>
      ended.has(launch)
        ? []
        : [`launch ${launch} succeeded according to ${who}, but the ledger has no such end`],
    );
  },

  'the recorded code is the real one': (evidence) => {
    const { ledger, launches } = evidence;
    const mayBeKilled = wasKilled(evidence) || isCut(evidence);
    // A reboot that the step declared is a good end without a line in the ledger.
    const rebooted = rebootedLaunches(evidence);
    return launches.flatMap(({ launch, code }) => {
      const end = ledger.find((line) => line.launch === launch && line.event === 'end');
      // 128 and more: killed, perhaps just after it had written its end to the ledger.
      if (code === undefined || code === NO_LEDGER || end?.code === code) return [];
      if (code === 0 && end === undefined && rebooted.has(launch)) return [];
      if (code >= 128 && (end === undefined || mayBeKilled)) return [];
      return [`launch ${launch}: the host recorded ${code}, the ledger has ${end?.code ?? 'no end'}`];
    });
  },

  'an attempt that ended with code 0 is never repeated': (evidence) => {
    // A part that was killed between its ledger line and its record has no end on the host.
    if (wasKilled(evidence) || isCut(evidence)) return [];
    const { ledger } = evidence;
    return ledger
      .filter(({ event, code }) => event === 'end' && code === 0)
      .flatMap(({ kind, step, attempt }) =>
        ledger.some((later) => later.kind === kind && later.step === step && later.attempt > attempt)
          ? [`${kind} ${step}: attempt ${attempt} had ended with 0, and another one began`]
          : [],
      );
  },

  'a launch that ran is known to its host': ({ ledger, launches }) => {
    const known = new Set(launches.filter(({ started }) => started).map(({ launch }) => launch));
    return [...new Set(ledger.map(({ launch }) => launch))]
      .filter((launch) => !known.has(launch))
      .map((launch) => `launch ${launch} ran, but its host has no record that it began`);
  },

  'only a fault that kills interrupts a launch': (evidence) => {
    const { claims, launches, faults } = evidence;
    if (faults.some(({ kills }) => kills)) return [];
    const cut = launches.filter(({ started, code }) => started && code === undefined);
    return [
      ...claims
        .filter((claim) => claim.claims === 'interrupted' && !endedOnRequest(evidence).has(claim.launch))
        .map(({ launch }) => `launch ${launch} counts as interrupted, though no fault could interrupt it`),
      ...cut.map(({ launch }) => `launch ${launch} has no end, though no fault could cut it short`),
    ];
  },

  'attempts of a part do not overlap': ({ ledger }) =>
    [...groupBy(ledger, (line) => `${line.kind} ${line.step}`)].flatMap(([part, lines]) =>
      lines.flatMap((line) =>
        lines.some((later) => later.attempt > line.attempt && later.atMs < line.atMs)
          ? [`${part}: attempt ${line.attempt} was alive after a later attempt had begun`]
          : [],
      ),
    ),

  'a step waits for what it needs': (evidence) =>
    (isReordered(evidence) ? [] : starts(evidence, 'step')).flatMap((line) => {
      const needs = evidence.drawn.steps.find(({ name }) => name === line.step)?.needs ?? [];
      return needs
        .filter((need) => !(doneMs(evidence, 'step', need) <= line.atMs))
        .map((need) => `${line.step} began before ${need} was done`);
    }),

  'no finalizer before all steps': (evidence) =>
    (isReordered(evidence) ? [] : starts(evidence, 'finalizer')).flatMap((line) => [
      ...evidence.drawn.steps
        .filter(({ name }) => !(doneMs(evidence, 'step', name) <= line.atMs))
        .map(({ name }) => `the finalizer of ${line.step} began before ${name} was done`),
      ...outOfOrder(evidence, line),
    ]),

  'no sentinel before everything is done': (evidence) => {
    const { outcome } = evidence.outcome;
    const missing = undone(evidence);
    const { sentinel } = evidence;
    return [
      ...(outcome === 'provisioned' && sentinel !== 'own'
        ? ['provisioned, but its sentinel does not exist']
        : []),
      ...(outcome === 'already-provisioned' && !sentinel
        ? ['already provisioned, but there is no sentinel']
        : []),
      ...(outcome === 'provisioned' ? missing.map((part) => `provisioned without ${part}`) : []),
      ...(sentinel === 'own' ? missing.map((part) => `a sentinel without ${part}`) : []),
    ];
  },

  'nothing is left on the host': (evidence) => {
    const ours = new Set([
      ...launchesOf(evidence).map(({ id }) => id),
      ...evidence.ledger.map(({ launch }) => launch),
    ]);
    const { outcome } = evidence.outcome;
    // A terminated run can't close its sessions, nor can a run that reports lost access.
    const isUnableToClose =
      evidence.drawn.action?.action === 'terminate' ||
      evidence.status.failure?.message.includes('could not be killed') === true;
    // With `all`, the sessions of attempts that ended by themselves stay.
    const kept = evidence.drawn.keepSessions === 'all' ? endsWell(evidence) : new Set<string>();
    return [
      ...evidence.alive
        .filter((launch) => ours.has(launch))
        .map((launch) => `processes of launch ${launch} are alive`),
      ...evidence.sessions
        .filter(
          ({ launch }) => outcome === 'aborted' && !isUnableToClose && ours.has(launch) && !kept.has(launch),
        )
        .map(({ name }) => `session ${name} still exists after the abort`),
    ];
  },

  'logs are complete': (evidence) => {
    const losable = evidence.faults.some(({ losesLogs }) => losesLogs);
    const cut = new Set(evidence.launches.filter((it) => it.cut).map(({ launch }) => launch));
    const parts = new Map(launchesOf(evidence).map((launch) => [launch.id, launch]));
    const ended = new Set(evidence.ledger.filter(({ event }) => event === 'end').map(({ launch }) => launch));
    const judge = (launch: string, text: string, where: string, code: number | undefined) => {
      // A host that could not keep a log records that, if it could record an end at all.
      if (losable && (code === undefined || cut.has(launch))) return [];
      const part = parts.get(launch);
      const work = part && workOf(evidence.drawn.steps, part.step, part.kind);
      if (!part || !work) return [];
      const whole = expectedLog(part.step, part.kind, part.attempt, work);
      // Killed in the middle: the log must be right as far as it goes.
      const fits =
        ended.has(launch) && code !== undefined && code < 128 ? text === whole : fitsAsFarAs(text, whole);
      return fits ? [] : [`the log of ${launch} ${where} is not what it printed: ${difference(text, whole)}`];
    };
    const codes = new Map(evidence.launches.map(({ launch, code }) => [launch, code]));
    return [
      ...evidence.launches.flatMap(({ launch, log, code }) => judge(launch, log, 'on the host', code)),
      ...evidence.read.flatMap(({ launch, text, complete }) => [
        ...judge(launch, text, 'through the client', codes.get(launch)),
        ...(complete ? [] : [`the log of ${launch} is over, but the client reports that it is not`]),
      ]),
    ];
  },
} as const satisfies Record<string, Check>;

/** How often an operator retries a step before giving up on it (see operator.ts). */
const MAX_RETRIES = 3;

const resetsOf = ({ drawn, faults }: Evidence): number =>
  faults.filter(({ kind, run }) => kind === WORKFLOW_RESET && run === drawn.name).length;

/** A reset forgets skipped steps, so a step may run after the steps that followed it. */
const isReordered = (evidence: Evidence): boolean =>
  resetsOf(evidence) > 0 &&
  (wasKilled(evidence) || evidence.ledger.some(({ event, code }) => event === 'end' && code !== 0));

/** The launches that Chandler ended, which a run finds again once a reset makes it forget why. */
const endedBeforeReset = (evidence: Evidence): ReadonlySet<string> =>
  new Set(
    resetsOf(evidence) > 0
      ? evidence.launches.filter(({ killed }) => killed).map(({ launch }) => launch)
      : [],
  );

/** The launches that Chandler ended because of an abort, or before a reset. What waits for one may report that before it is cancelled. */
const endedOnRequest = (evidence: Evidence): ReadonlySet<string> =>
  wasEnded(evidence)
    ? new Set(evidence.launches.filter(({ killed }) => killed).map(({ launch }) => launch))
    : endedBeforeReset(evidence);

type Cause = (evidence: Evidence) => boolean;

const fellShort =
  (kind: LedgerLine['kind']): Cause =>
  ({ ledger, faults }) =>
    ledger.some((line) => line.kind === kind && line.event === 'end' && line.code !== 0) ||
    faults.some(({ kills }) => kills);
const wasKilled: Cause = ({ faults }) => faults.some(({ kills }) => kills);
/** The plan or an operator may have ended a running part. */
const isCut: Cause = (evidence) =>
  evidence.outcome.outcome === 'aborted' ||
  evidence.drawn.steps.some(({ timeoutMs }) => timeoutMs !== undefined);
const accessRemoved: Cause = ({ faults }) => faults.some(({ removesAccess }) => removesAccess);
const terminalEnded: Cause = ({ faults }) =>
  faults.some(({ kind }) => kind === 'zmx daemon killed' || kind === 'session ended (zmx kill)');
const diskFailed: Cause = ({ faults }) => faults.some(({ losesLogs }) => losesLogs);
const wasEnded: Cause = ({ drawn, status }) =>
  drawn.action?.action === 'cancel' ||
  drawn.action?.action === 'terminate' ||
  acceptedActions(status).some(({ action }) => action === 'abort');

/**
 * What may make a run fail, by failure code. The network, sshd, workers and the server must not. Removed access may, but
 * only while no part is running.
 */
const causes: Partial<Record<FailureCode, Cause>> = {
  'step-failed': fellShort('step'),
  'finalizer-failed': fellShort('finalizer'),
  'step-interrupted': (evidence) => wasKilled(evidence) || endedBeforeReset(evidence).size > 0,
  'launch-not-started': (evidence) => wasKilled(evidence) || terminalEnded(evidence),
  'step-timeout': ({ drawn }) => drawn.steps.some(({ timeoutMs }) => timeoutMs !== undefined),
  'leftovers-found': ({ drawn }) => drawn.onLeftovers === 'refuse',
  'lease-held': ({ drawn }) => drawn.rivalAfterMs !== undefined || drawn.rivalOf !== undefined,
  'auth-failed': accessRemoved,
  'host-key-mismatch': accessRemoved,
  'identity-unavailable': accessRemoved,
  'disk-full': diskFailed,
  'state-directory-unwritable': diskFailed,
  'sentinel-missing': diskFailed,
  'zmx-unavailable': diskFailed,
};

/** All violations of a run. */
export function judge(evidence: Evidence): Violation[] {
  return Object.entries(invariants).flatMap(([invariant, check]) =>
    check(evidence).map((what) => ({ invariant: invariant as keyof typeof invariants, what })),
  );
}

/** Two runs never work on one host at the same time. */
export function judgeHost(host: string, ledger: readonly LedgerLine[]): Violation[] {
  const runs = [...groupBy(ledger, ({ run }) => run)]
    .map(([run, lines]) => ({ run, from: lines[0]?.atMs ?? 0, to: lines.at(-1)?.atMs ?? 0 }))
    .sort((a, b) => a.from - b.from);
  return runs.flatMap((run, i) =>
    runs
      .slice(0, i)
      .filter(({ to }) => to > run.from)
      .map((earlier) => ({
        invariant: 'one lease per host' as const,
        what: `${run.run} and ${earlier.run} were at work on ${host} at the same time`,
      })),
  );
}

const partKey = ({ kind, step, attempt }: LedgerLine) => `${kind} ${step} ${attempt}`;

const starts = ({ ledger }: Evidence, kind: LedgerLine['kind']) =>
  ledger.filter((line) => line.kind === kind && line.event === 'start');

/** Whether a fault may have ended a step well, because the step declares that it may reboot the host. */
const endsByFault = (evidence: Evidence, step: string): boolean =>
  stepOf(evidence, step)?.reboot !== undefined &&
  evidence.faults.some(({ kind }) => kind === 'host rebooted');

/** The launches that ended well. */
function endsWell(evidence: Evidence): Set<string> {
  const ended = evidence.ledger.filter(({ event, code }) => event === 'end' && code === 0);
  return new Set([...ended.map(({ launch }) => launch), ...rebootedLaunches(evidence)]);
}

/** The launches that a fault may have ended well. */
const rebootedLaunches = (evidence: Evidence): ReadonlySet<string> =>
  new Set(
    launchesOf(evidence)
      .filter(({ kind, step }) => kind === 'step' && endsByFault(evidence, step))
      .map(({ id }) => id),
  );

const stepOf = ({ drawn }: Evidence, step: string): DrawnStep | undefined =>
  drawn.steps.find(({ name }) => name === step);

/** When a part was done according to the ledger, or skipped by an operator; NaN if neither. */
function doneMs(evidence: Evidence, kind: LedgerLine['kind'], step: string): number {
  const { ledger, status } = evidence;
  const isEnd = ({ event, code }: LedgerLine) =>
    (event === 'end' && code === 0) || (kind === 'step' && endsByFault(evidence, step));
  const end = ledger.findLast((line) => line.kind === kind && line.step === step && isEnd(line));
  const state = status.steps.find(({ name }) => name === step);
  const part = kind === 'step' ? state : state?.finalizer;
  const skip = acceptedActions(status).find((i) => i.action === 'skipStep' && i.step === step);
  return end?.atMs ?? (part?.state === 'skipped' && skip ? skip.atMs : NaN);
}

/** Finalizers run one after another, in step order. */
function outOfOrder(evidence: Evidence, line: LedgerLine): string[] {
  const names = evidence.drawn.steps.map(({ name }) => name);
  return evidence.ledger
    .filter((other) => other.kind === 'finalizer' && names.indexOf(other.step) < names.indexOf(line.step))
    .filter(({ atMs }) => atMs > line.atMs)
    .map(({ step }) => `the finalizer of ${line.step} began before that of ${step} was over`);
}

/** The parts that are neither done according to the ledger nor skipped. */
function undone(evidence: Evidence): string[] {
  const ended = endsWell(evidence);
  const launches = launchesOf(evidence);
  return evidence.status.steps.flatMap((step) =>
    (['step', 'finalizer'] as const).flatMap((kind) => {
      const part = kind === 'step' ? step : step.finalizer;
      if (part === undefined || part.state === 'skipped') return [];
      // After a reset, a run that finds its own sentinel knows none of its launches.
      if (resetsOf(evidence) > 0 && !Number.isNaN(doneMs(evidence, kind, step.name))) return [];
      const done = launches.some((l) => l.step === step.name && l.kind === kind && ended.has(l.id));
      return done && isDone(part) ? [] : [`${kind} ${step.name} (${part.state})`];
    }),
  );
}

function workOf(steps: readonly DrawnStep[], step: string, kind: LedgerLine['kind']): Work | undefined {
  const drawn = steps.find(({ name }) => name === step);
  return kind === 'step' ? drawn?.work : drawn?.finalizer;
}

/** A prefix of the whole log; a shell may have printed last that something was killed. */
function fitsAsFarAs(text: string, whole: string): boolean {
  if (whole.startsWith(text)) return true;
  const said = /(Terminated|Killed|Hangup|Session terminated|the ledger did not take|\.\.\.killed)/.exec(
    text,
  );
  const own = said ? text.slice(0, text.lastIndexOf('\n', said.index) + 1) : text;
  return said !== null && whole.startsWith(own);
}

function difference(text: string, whole: string): string {
  let i = 0;
  while (i < text.length && text[i] === whole[i]) i += 1;
  const piece = (of: string) => JSON.stringify(of.slice(Math.max(0, i - 20), i + 60));
  return `${text.length} of ${whole.length} bytes, at ${i} ${piece(text)} for ${piece(whole)}`;
}
