import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { fileDigestOf, fileSecrets } from './files.ts';
import type { Plan, Step, StepFile } from './schema.ts';
import { definedOnly } from '../defined-only.ts';
import { recordsName } from '../run/part-record.ts';
import { durationMs } from '../text/duration.ts';
import { selectSteps } from './select-steps.ts';
import { stepEnv } from './values.ts';

/** A plan with every default filled in. */
export interface ResolvedPlan
  extends
    Pick<Plan, 'target' | 'fleet' | 'labels'>,
    Defined<'name' | 'zmx' | 'onStepFailure' | 'onLeftovers' | 'keepSessions' | 'pruneAfterDays', Plan> {
  /** The name of its directory of records on a host. */
  readonly records: string;
  readonly steps: readonly ResolvedStep[];
  readonly bootstrap?: ResolvedBootstrap;
  readonly sentinel: {
    readonly path?: string;
    readonly whenPresent: 'skip-if-same-plan' | 'skip' | 'ignore';
  };
  readonly parkTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly run: {
    /** The names of the steps that run although they are unchanged. */
    readonly forced: readonly string[];
    /** The names of the steps that may run. Missing: all. */
    readonly selected?: readonly string[];
  };
}

/** What a new host must have done before the first step starts. */
export interface ResolvedBootstrap extends Pick<NonNullable<Plan['bootstrap']>, 'login' | 'marker'> {
  readonly cloudInit: boolean;
  readonly packages: boolean;
  readonly timeoutMs: number;
}

export interface ResolvedStep
  extends Pick<Step, 'name' | 'reboot'>, Defined<'needs' | 'env' | 'always', Step> {
  /** Empty for a step that only places files. */
  readonly script: string;
  /** Set if only one host of a fleet runs it. */
  readonly once?: true;
  /** Missing without files. */
  readonly files?: readonly ResolvedFile[];
  /** References by variable, those of its files included. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly finalize?: string;
  readonly check?: string;
  readonly timeoutMs: number;
  readonly retry: { readonly attempts: number; readonly backoffMs: number };
}

/** A file whose mode is filled in. */
export type ResolvedFile = StepFile & { readonly mode: string };

type Defined<Key extends keyof T, T> = { readonly [K in Key]-?: Exclude<T[K], undefined> };

const HOUR_MS = 3_600_000;

/** Fills in the defaults of a valid plan. */
export function resolvePlan(plan: Plan): ResolvedPlan {
  const { bootstrap, sentinel } = plan;
  return definedOnly({
    name: plan.name ?? plan.steps.map((step) => step.name).join(', '),
    records: recordsName(plan.name),
    fleet: plan.fleet,
    labels: plan.labels,
    target: plan.target,
    steps: plan.steps.map((step) => resolveStep(step, plan.env)),
    zmx: plan.zmx ?? {},
    bootstrap: bootstrap && resolveBootstrap(bootstrap),
    sentinel: definedOnly({
      path: sentinel?.path,
      whenPresent: sentinel?.whenPresent ?? 'skip-if-same-plan',
    }),
    onStepFailure: plan.onStepFailure ?? 'park',
    onLeftovers: plan.onLeftovers ?? 'refuse',
    parkTimeoutMs: durationMs(plan.parkTimeout, 24 * HOUR_MS),
    connectTimeoutMs: durationMs(plan.target.connectTimeout, HOUR_MS / 12),
    keepSessions: plan.keepSessions ?? 'failed',
    pruneAfterDays: plan.pruneAfterDays ?? 30,
    run: selectSteps(plan.steps, plan.run),
  });
}

function resolveBootstrap({ login, marker, ...rest }: NonNullable<Plan['bootstrap']>): ResolvedBootstrap {
  const { cloudInit = false, packages = false, timeout } = rest;
  return definedOnly({ login, marker, cloudInit, packages, timeoutMs: durationMs(timeout, HOUR_MS / 4) });
}

function resolveStep(step: Step, shared: Plan['env']): ResolvedStep {
  return definedOnly({
    name: step.name,
    script: step.script ?? '',
    files: step.files?.length ? step.files.map(resolveFile) : undefined,
    finalize: step.finalize,
    check: step.check,
    needs: step.needs ?? [],
    timeoutMs: durationMs(step.timeout, HOUR_MS),
    retry: { attempts: step.retry?.attempts ?? 1, backoffMs: durationMs(step.retry?.backoff, 1000) },
    env: stepEnv(step, shared),
    secrets: { ...step.secrets, ...fileSecrets(step.files) },
    always: step.always ?? false,
    reboot: step.reboot,
    once: step.once === true ? true : undefined,
  });
}

/** A step without its files, for callers that do not place files. */
export function withoutFiles(step: ResolvedStep): ResolvedStep {
  return definedOnly({ ...step, files: undefined });
}

function resolveFile(file: StepFile): ResolvedFile {
  const { mode = file.secret === undefined ? '644' : '600' } = file;
  return { ...file, mode: mode.padStart(4, '0') };
}

/**
 * Returns the digest of a plan's work: its steps with all their variables and their order, without target, timeouts and retries.
 * Plans with the same digest do the same work on a host.
 */
export function planDigest(plan: Pick<Plan, 'steps' | 'env'>): string {
  const work = plan.steps.map(({ name, script, files, finalize, check, needs, secrets, ...step }) => ({
    name,
    script: script ?? '',
    ...(files?.length && { files: files.map((file) => fileDigestOf(resolveFile(file))) }),
    finalize: finalize ?? null,
    check: check ?? null,
    needs: [...(needs ?? [])].sort(),
    env: Object.entries(stepEnv({ ...step, secrets }, plan.env)).sort(byName),
    secrets: Object.entries(secrets ?? {}).sort(byName),
  }));
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(work))));
}

const byName = ([a]: [string, string], [b]: [string, string]) => (a < b ? -1 : 1);
