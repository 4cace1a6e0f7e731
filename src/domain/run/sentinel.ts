import { listSkipped, type RunStatus } from './status.ts';

/** What a sentinel records about the run that wrote it. An empty or foreign file records nothing. */
export interface SentinelRecord {
  /** The digest of the plan. */
  readonly digest?: string;
  readonly runId?: string;
  /** The owner in the ids of the run's launches. */
  readonly owner?: string;
  /** False if an operator skipped a part. */
  readonly isWhole: boolean;
  readonly skipped: readonly { readonly step: string; readonly kind: 'step' | 'finalizer' }[];
}

/**
 * Follows the digest in a sentinel if a part was skipped, so that it equals no plan's digest: a self-provisioning script, which
 * compares digests, then does not accept the host as provisioned.
 */
const SKIPPED = '+skipped';

/** The sentinel of a run whose parts have all succeeded or were skipped. */
export function renderSentinel(
  status: Pick<RunStatus, 'plan' | 'steps'>,
  run: {
    readonly digest: string;
    readonly workflowId: string;
    readonly runId: string;
    readonly owner: string;
    readonly nowMs: number;
  },
): string {
  const { digest, workflowId, runId, owner, nowMs } = run;
  const isWhole = listSkipped(status).length === 0;
  return `${JSON.stringify({
    digest: isWhole ? digest : `${digest}${SKIPPED}`,
    plan: status.plan,
    workflowId,
    runId,
    owner,
    provisionedAt: new Date(nowMs).toISOString(),
    steps: status.steps.map(({ name, state, finalizer }) => ({
      name,
      state,
      ...(finalizer && { finalizer: finalizer.state }),
    })),
  })}\n`;
}

/** Reads a sentinel, which may have any content. */
export function readSentinel(content = ''): SentinelRecord {
  const { digest, runId, owner, steps } = parseObject(content);
  const recorded = typeof digest === 'string' ? digest : undefined;
  const isWhole = recorded?.endsWith(SKIPPED) !== true;
  return {
    ...(recorded !== undefined && { digest: isWhole ? recorded : recorded.slice(0, -SKIPPED.length) }),
    ...(typeof runId === 'string' && { runId }),
    ...(typeof owner === 'string' && { owner }),
    isWhole,
    skipped: isWhole || !Array.isArray(steps) ? [] : steps.flatMap(skippedParts),
  };
}

/**
 * Whether a sentinel marks the host as provisioned. An empty or foreign sentinel does; one of this plan does not if a part was
 * skipped.
 */
export function sentinelSaysDone(
  content: string | undefined,
  digest: string,
  whenPresent: 'skip-if-same-plan' | 'skip' | 'ignore',
): boolean {
  if (content === undefined || whenPresent === 'ignore') return false;
  const recorded = readSentinel(content);
  if (recorded.digest === digest) return recorded.isWhole;
  return whenPresent === 'skip' || recorded.digest === undefined;
}

function skippedParts(step: unknown): SentinelRecord['skipped'][number][] {
  const { name, state, finalizer } = Object(step) as Record<string, unknown>;
  if (typeof name !== 'string') return [];
  return [
    ...(state === 'skipped' ? [{ step: name, kind: 'step' as const }] : []),
    ...(finalizer === 'skipped' ? [{ step: name, kind: 'finalizer' as const }] : []),
  ];
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
