import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Plan, Step } from './schema.ts';
import { durationMs } from '../text/duration.ts';

/** A plan with every default filled in. */
export interface ResolvedPlan {
  readonly name: string;
  readonly fleet?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target: Plan['target'];
  readonly steps: readonly ResolvedStep[];
  readonly zmx: NonNullable<Plan['zmx']>;
  readonly bootstrap?: { readonly marker: string; readonly timeoutMs: number };
  readonly sentinel: {
    readonly path?: string;
    readonly whenPresent: 'skip-if-same-plan' | 'skip' | 'ignore';
  };
  readonly onStepFailure: 'park' | 'fail' | 'continue';
  readonly onLeftovers: 'refuse' | 'end';
  readonly parkTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly keepSessions: 'failed' | 'all' | 'none';
  readonly pruneAfterDays: number;
}

export interface ResolvedStep {
  readonly name: string;
  readonly script: string;
  readonly finalize?: string;
  readonly check?: string;
  readonly needs: readonly string[];
  readonly timeoutMs: number;
  readonly retry: { readonly attempts: number; readonly backoffMs: number };
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

const HOUR_MS = 3_600_000;

/** Fills in the defaults of a valid plan. */
export function resolvePlan(plan: Plan): ResolvedPlan {
  return {
    name: plan.name ?? plan.steps.map((step) => step.name).join(', '),
    ...(plan.fleet !== undefined && { fleet: plan.fleet }),
    ...(plan.labels && { labels: plan.labels }),
    target: plan.target,
    steps: plan.steps.map(resolveStep),
    zmx: plan.zmx ?? {},
    ...(plan.bootstrap && {
      bootstrap: {
        marker: plan.bootstrap.marker,
        timeoutMs: durationMs(plan.bootstrap.timeout, HOUR_MS / 4),
      },
    }),
    sentinel: {
      ...(plan.sentinel?.path !== undefined && { path: plan.sentinel.path }),
      whenPresent: plan.sentinel?.whenPresent ?? 'skip-if-same-plan',
    },
    onStepFailure: plan.onStepFailure ?? 'park',
    onLeftovers: plan.onLeftovers ?? 'refuse',
    parkTimeoutMs: durationMs(plan.parkTimeout, 24 * HOUR_MS),
    connectTimeoutMs: durationMs(plan.target.connectTimeout, HOUR_MS / 12),
    keepSessions: plan.keepSessions ?? 'failed',
    pruneAfterDays: plan.pruneAfterDays ?? 30,
  };
}

function resolveStep(step: Step): ResolvedStep {
  return {
    name: step.name,
    script: step.script,
    ...(step.finalize !== undefined && { finalize: step.finalize }),
    ...(step.check !== undefined && { check: step.check }),
    needs: step.needs ?? [],
    timeoutMs: durationMs(step.timeout, HOUR_MS),
    retry: { attempts: step.retry?.attempts ?? 1, backoffMs: durationMs(step.retry?.backoff, 1000) },
    env: step.env ?? {},
    secrets: step.secrets ?? {},
  };
}

/**
 * Returns the digest of a plan's work: its steps and their order, without target, timeouts and retries. Two plans with
 * the same digest do the same to a host.
 */
export function planDigest(plan: Pick<Plan, 'steps'>): string {
  const work = plan.steps.map(({ name, script, finalize, check, needs, env, secrets }) => ({
    name,
    script,
    finalize: finalize ?? null,
    check: check ?? null,
    needs: [...(needs ?? [])].sort(),
    env: Object.entries(env ?? {}).sort(byName),
    secrets: Object.entries(secrets ?? {}).sort(byName),
  }));
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(work))));
}

const byName = ([a]: [string, string], [b]: [string, string]) => (a < b ? -1 : 1);
