import { Context } from '@temporalio/activity';
import { ChandlerError } from '../domain/run/failure.ts';
import { isAdopted, skippingOwner } from '../domain/run/forecast.ts';
import {
  cleanWords,
  describeLeftover,
  isOwnedBy,
  withOwners,
  type EndedLeftover,
  type LaunchOwner,
  type Leftover,
  type OwnedLeftover,
} from '../domain/run/leftovers.ts';
import { readSentinel } from '../domain/run/sentinel.ts';
import type { Target } from '../domain/plan/schema.ts';
import { oneLine, plainText } from '../domain/text/plain-text.ts';
import type { LeaseAnswer } from '../host/host-answers.ts';
import type { Host } from '../host/host.ts';
import type { ScriptState } from '../host/script-state.ts';
import { quoteOperand, render, sh } from '../shell/index.ts';
import type { Adopted } from './activity-types.ts';
import { decodeHolder, encodeHolder, leaseWord, type LeaseHolder } from './lease-holder.ts';

/** A lease that a run holds, and what became of the launches of the former holder. */
export interface TakenLease {
  /** The content of the lease file. */
  readonly word: string;
  readonly adopted?: Adopted;
  readonly ended: readonly EndedLeftover[];
}

/** Which lease to take, and how to find out about its holder and leftovers. */
export interface LeaseRequest {
  readonly holder: LeaseHolder & { readonly digest: string };
  readonly target: Target;
  readonly sentinelPath: string;
  readonly onLeftovers: 'end' | 'refuse';
  /** Whether the run has held the host before: an operator reset its workflow. */
  readonly isReset: boolean;
  readonly isOpen: (holder: LeaseHolder) => Promise<boolean>;
  readonly listLeftovers: () => Promise<readonly Leftover[]>;
}

/**
 * Takes the lease of the host for one run. `first` is the answer of the host to the run's `leaseWord`. A lease outlives a workflow
 * that was terminated, so this asks the server about its holder. A finished holder is replaced once its launches are handled: those
 * of the same work are adopted; others are ended, or the lease stays. A self-provisioning script with the same plan hands its work
 * over.
 *
 * @throws ChandlerError lease-held, naming the holder; leftovers-found, naming each
 */
export async function takeLease(host: Host, request: LeaseRequest, first: LeaseAnswer): Promise<TakenLease> {
  const { holder, target } = request;
  const mine = leaseWord(holder);
  // This run already has the lease: it was reset, or the connection broke after the host stored it.
  if (first.ours && (first.again || request.isReset))
    return { word: mine, ...(await adoptOwn(request, holder.firstRunId)) };
  if (first.ours) return { word: mine, ended: [] };
  const found = decodeHolder(first.holder);
  const isMine = found !== undefined && isSameRun(found, holder);
  if (isMine && found.replaces === undefined)
    return { word: first.holder, ...(await adoptOwn(request, ownerOf(found))) };
  // A server runs one workflow of an id at a time, so an earlier run of this id is over.
  const sameWorkflow = found?.namespaceId === holder.namespaceId && found?.workflowId === holder.workflowId;
  if (found && !sameWorkflow && (await request.isOpen(found))) throw leaseHeld(host, target, found);
  const script = await host.readScript();
  if (isScriptHolder(first.holder)) await sendScriptAway(host, script, holder.digest);
  // A run that was cut off while it ended leftovers had itself replaced another holder.
  const formerWord = found?.replaces ?? first.holder;
  const { adopted, others } = await sortLeftovers(host, request, decodeHolder(formerWord), script);
  const word = adopted ? encodeHolder({ ...holder, owner: adopted.owner }) : mine;
  let held = first.holder;
  const replace = async (next: string) => {
    await keepLease(host, target, next, held);
    held = next;
  };
  // The lease is written before anything is ended, so that only one of two runs ends launches, and only those that the other does
  // not continue.
  if (others.length > 0) await replace(encodeHolder({ ...holder, replaces: formerWord }));
  const ended = await endLeftovers(host, others);
  const left = ended.filter((each) => each.left > 0);
  if (left.length > 0) {
    await replace(formerWord);
    throw new ChandlerError('leftovers-found', `cannot end what an earlier run left: ${describeAll(left)}`, {
      facts: { advice: `List it with: ${cleanCommand(target)} — and end its processes on the host.` },
    });
  }
  await replace(word);
  return { word, ended, ...(adopted && { adopted }) };
}

/**
 * Continues the launches of the run that wrote the sentinel, if that run had the same work and skipped some of it: the rest is
 * not repeated. Launches adopted from elsewhere take precedence.
 *
 * @throws ChandlerError lease-held if another run has taken the lease meanwhile
 */
export async function continueSkipped(
  host: Host,
  { holder, target }: Pick<LeaseRequest, 'holder' | 'target'>,
  taken: TakenLease,
  sentinel: string | undefined,
): Promise<TakenLease> {
  const owner = skippingOwner(sentinel, holder.digest);
  const { adopted } = taken;
  const hasBegun = adopted && (adopted.owner !== holder.firstRunId || adopted.alive.length > 0);
  if (owner === undefined || hasBegun) return taken;
  const word = encodeHolder({ ...holder, owner });
  await keepLease(host, target, word, taken.word);
  return { ...taken, word, adopted: { owner, alive: [] } };
}

async function adoptOwn(request: LeaseRequest, owner: string): Promise<Omit<TakenLease, 'word'>> {
  const alive = leftoversOf(await request.listLeftovers(), owner, request.holder.workflowId);
  return { ended: [], adopted: { owner, alive, isOwn: true } };
}

/** The leftovers that one run started. */
export function leftoversOf(
  leftovers: readonly Leftover[],
  owner: string,
  workflowId: string,
): OwnedLeftover[] {
  return withOwners(leftovers, [{ owner, workflowId, atWork: true }]).filter(({ atWork }) => atWork);
}

/** The owner in the ids of a holder's launches. */
export function ownerOf({ owner, firstRunId }: LeaseHolder): string {
  return owner ?? firstRunId;
}

/**
 * Makes sure that a run has the lease, in place of `replaces` if that is held. A run that had ended before it was reset has lost
 * the lease, and another run may hold it.
 *
 * @throws ChandlerError lease-held, naming the holder
 */
export async function keepLease(host: Host, target: Target, lease: string, replaces?: string): Promise<void> {
  const answer = await host.lease(lease, replaces);
  if (!answer.ours) throw leaseHeld(host, target, decodeHolder(answer.holder));
}

/** Whether this activity belongs to a later execution of the holder's run: after a reset or after continue-as-new. */
export function isLaterExecution({ firstRunId }: Pick<LeaseHolder, 'firstRunId'>): boolean {
  return Context.current().info.workflowExecution?.runId !== firstRunId;
}

/** The holder of a lease, if this activity belongs to a later execution of that run. */
export function laterHolder(lease: string | undefined): LeaseHolder | undefined {
  const holder = lease === undefined ? undefined : decodeHolder(lease);
  return holder && isLaterExecution(holder) ? holder : undefined;
}

/**
 * Separates launches of the same work, which are adopted, from others, which are ended.
 *
 * @throws ChandlerError leftovers-found, if the plan does not allow to end them
 */
async function sortLeftovers(
  host: Host,
  request: LeaseRequest,
  former: LeaseHolder | undefined,
  script: ScriptState | undefined,
): Promise<{ readonly adopted?: Adopted; readonly others: readonly OwnedLeftover[] }> {
  const { digest } = request.holder;
  const found = withOwners(await request.listLeftovers(), ownersOf(former, false, script));
  const isSameScript = isAdopted(script, digest);
  // Launches that a run adopted from a script keep the script's owner in their ids.
  const owner = isSameScript ? script?.owner : former?.digest === digest ? ownerOf(former) : undefined;
  const alive = owner === undefined ? [] : found.filter((leftover) => isOwnedBy(leftover, owner));
  const others = found.filter((leftover) => !alive.includes(leftover));
  refuseOthers(request, others);
  if (owner === undefined) return { others };
  // A run that wrote its sentinel leaves nothing to continue: the next run starts from the beginning.
  if (!isSameScript && alive.length === 0 && former) {
    const { runId } = readSentinel(await host.readSentinel(request.sentinelPath));
    if (runId === former.firstRunId) return { others };
  }
  return { others, adopted: { owner, alive } };
}

function refuseOthers({ onLeftovers, target }: LeaseRequest, others: readonly OwnedLeftover[]): void {
  // A launch that has not begun loses no work when it is cancelled.
  const begun = others.filter(({ state }) => state !== 'created');
  if (begun.length === 0 || onLeftovers === 'end') return;
  const message = `an earlier run left running on the host: ${describeAll(begun)}`;
  throw new ChandlerError('leftovers-found', message, {
    facts: {
      advice: `End it with: ${cleanCommand(target, '--end')} — or set onLeftovers: end in the plan, so that the run ends it.`,
    },
  });
}

function cleanCommand(target: Target, ...words: string[]): string {
  return render(sh('chandler', ...cleanWords(target, ...words)));
}

/** In seconds, between TERM and KILL. */
const KILL_GRACE_S = 5;

/**
 * Ends launches and reports how many processes are left. Their sessions stay until the next launch of that name replaces them,
 * unless they are closed here.
 */
export function endLeftovers(
  host: Host,
  leftovers: readonly OwnedLeftover[],
  { closesSessions = false } = {},
): Promise<EndedLeftover[]> {
  return Promise.all(
    leftovers.map(async (leftover) => {
      const { launch } = leftover;
      const place = closesSessions ? host.placeToEnd(launch) : undefined;
      const { left } = await host.kill(launch.id, { graceS: KILL_GRACE_S, place });
      return { ...leftover, left };
    }),
  );
}

/** The owners whose launches may be alive on a host: the holder of the lease, and the self-provisioning script. */
export function ownersOf(
  former: LeaseHolder | undefined,
  atWork: boolean,
  script: ScriptState | undefined,
): LaunchOwner[] {
  const scriptAtWork = script?.alive === true;
  return [
    ...(former ? [{ owner: ownerOf(former), workflowId: former.workflowId, atWork }] : []),
    // A run that took over from a script continues the script's launches.
    ...(script
      ? [{ owner: script.owner, atWork: scriptAtWork || (atWork && former?.digest === script.digest) }]
      : []),
  ];
}

/** The number of leftovers that a message names. */
const MAX_NAMED = 5;

function describeAll(leftovers: readonly OwnedLeftover[]): string {
  const named = leftovers.slice(0, MAX_NAMED).map((each) => oneLine(describeLeftover(each)));
  const more = leftovers.length - named.length;
  return `${named.join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}

function isSameRun(a: LeaseHolder, b: LeaseHolder): boolean {
  return a.namespaceId === b.namespaceId && a.workflowId === b.workflowId && a.firstRunId === b.firstRunId;
}

/** Whether a self-provisioning script holds the lease (see prepare.sh). */
export function isScriptHolder(word: string): boolean {
  return word.startsWith('script:');
}

/** In seconds. While the script fetches zmx, it does not read requests. */
const SCRIPT_LEAVES_IN_S = 40;

async function sendScriptAway(host: Host, script: ScriptState | undefined, digest: string): Promise<void> {
  if (!script?.alive) return;
  if (script.digest === digest && (await host.endScript('leave', SCRIPT_LEAVES_IN_S))) return;
  throw scriptAtWork(host);
}

export function scriptAtWork(host: Host): ChandlerError {
  return new ChandlerError(
    'lease-held',
    `the host's own provisioning script is at work in ${host.stateDir}`,
    {
      facts: {
        advice: 'Follow it with `chandler watch-host`, or end it on the host with the argument `stop`.',
      },
    },
  );
}

export function leaseHeld(host: Host, target: Target, other: LeaseHolder | undefined): ChandlerError {
  if (!other) {
    return new ChandlerError('lease-held', `another run holds ${host.stateDir}`, {
      facts: { advice: 'Wait for that run.' },
    });
  }
  const { workflowId, firstRunId, namespace } = other;
  const clean = cleanCommand(target, '--end', `--run=${plainText(workflowId)}`);
  const who = `workflow ${workflowId} (run ${firstRunId}, namespace ${namespace})`;
  return new ChandlerError('lease-held', `${who} holds ${host.stateDir}`, {
    facts: {
      advice: `Wait for that run, or end it with: \`chandler abort ${quoteOperand(plainText(workflowId))}\`. If its server is gone, end what it left on the host with: \`${clean}\`.`,
    },
  });
}
