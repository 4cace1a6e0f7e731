import { setTimeout as delay } from 'node:timers/promises';
import type { RunResult } from '../src/client.ts';
import { isFullyParked, listParts, type RunStatus, type Trouble } from '../src/domain/run/status.ts';
import { findStatus } from '../test/support/find-status.ts';
import type { LoginCase } from './cases.ts';
import { deadlineOf, judge, type Observed, type Report, type Verdict } from './judge.ts';
import { loginPlan, parseLedger } from './plan.ts';
import { LEDGER, type LoginStage } from './stage.ts';

const LOOK_EVERY_MS = 500;
const ABORTED_WITHIN_MS = 30_000;
/** Trouble that lasts longer does not pass by itself. */
const TROUBLE_LASTS_MS = 15_000;
const GONE_WITHIN_MS = 8_000;

/** A played case and its result. */
export interface Played {
  readonly login: LoginCase;
  readonly seen: Observed;
  readonly verdict: Verdict;
}

/** Provisions as the user of a case, judges the result, and ends every process of that user. */
export async function playCase(stage: LoginStage, login: LoginCase, patience: number): Promise<Played> {
  const { client, onHost, target } = stage;
  const id = `login-${login.index}`;
  const begunMs = Date.now();
  await client.start(loginPlan(login, target(login.user)), { workflowId: id });
  const over: { result?: RunResult } = {};
  const ending = client.result(id).then((result) => void (over.result = result));
  let status: RunStatus | undefined;
  let needsPerson = false;
  while (Date.now() - begunMs < deadlineOf(login, patience)) {
    await Promise.race([ending, delay(LOOK_EVERY_MS)]);
    status = (await findStatus(client, id)) ?? status;
    needsPerson = status !== undefined && asksForPerson(status);
    if (over.result || needsPerson) break;
  }
  const tookMs = Date.now() - begunMs;
  const { result } = over;
  const end = endOf(result, needsPerson);
  const reports = [
    ...(result && 'failure' in result ? [result.failure] : []),
    ...(status ? [...troubles(status), ...failures(status)] : []),
  ];
  if (!result) await client.abort(id, { reason: 'judged' }).catch(() => undefined);
  await Promise.race([ending, delay(ABORTED_WITHIN_MS * patience)]);
  const ended = over.result !== undefined;
  const logs: Record<string, string> = {};
  if (end === 'provisioned')
    for (const step of ['a', 'b'])
      logs[step] = await client.readLog(id, step).then(
        ({ text }) => text,
        (error: Error) => `could not be read: ${error.message}`,
      );
  if (!ended) await client.temporal.workflow.getHandle(id).terminate('judged');
  const left = await leftProcesses(stage, login.uid);
  const ledger = parseLedger(await onHost(`cat ${LEDGER}/${login.user}`));
  const sentinel = status?.sentinel ?? '';
  const hasSentinel = sentinel !== '' && (await onHost(`[ ! -s '${sentinel}' ] || echo yes`)) !== '';
  await onHost(endAll(login));
  const shown = status ? describeStatus(status) : 'no status';
  const seen: Observed = { end, tookMs, reports, shown, ledger, logs, hasSentinel, ended, left };
  return { login, seen, verdict: judge(login, seen, patience) };
}

/** The run is parked, or has reported trouble for a while. */
function asksForPerson(status: RunStatus): boolean {
  const lasts = troubles(status).some(({ sinceMs }) => Date.now() - sinceMs > TROUBLE_LASTS_MS);
  return lasts || (status.attention && (isFullyParked(status) || troubles(status).length > 0));
}

function endOf(result: RunResult | undefined, needsPerson: boolean): Observed['end'] {
  if (result) return result.outcome === 'provisioned' ? 'provisioned' : 'failed';
  return needsPerson ? 'attention' : 'silent';
}

function describeStatus(status: RunStatus): string {
  const steps = status.steps.map((step) => {
    const { waitingFor } = step;
    return `${step.name} ${step.state}${waitingFor === undefined ? '' : `, waiting for ${waitingFor}`}`;
  });
  return `${status.phase}: ${steps.join('; ')}`;
}

/** The current trouble of the run and its parts. */
function troubles(status: RunStatus): Trouble[] {
  return [status, ...listParts(status).map(({ part }) => part)].flatMap(({ trouble }) => trouble ?? []);
}

function failures(status: RunStatus): Report[] {
  return listParts(status).flatMap(({ part }) => part.failure ?? []);
}

/** Processes of Chandler that are left after the time to end them. */
async function leftProcesses({ onHost }: LoginStage, uid: number): Promise<string[]> {
  for (const end = Date.now() + GONE_WITHIN_MS; ; await delay(200)) {
    const left = (await onHost(findOurs(uid))).split('\n').filter(Boolean);
    if (left.length === 0 || Date.now() > end) return left;
  }
}

/** Lists processes with the marker of a launch, programs of Chandler and their terminals. */
const findOurs = (uid: number) => `
for process in /proc/[0-9]*; do
  [ "$(stat -c %u "$process" 2>/dev/null)" = ${uid} ] || continue
  read -r name <"$process/comm" || continue
  case $name in sshd*) continue ;; esac
  line=$(tr '\\000' ' ' <"$process/cmdline" | tr '\\n' ' ' | cut -c 1-160)
  if grep -qz '^CHANDLER_LAUNCH=' "$process/environ"; then echo "$name: $line"; continue; fi
  case $line in *chandler* | *zmx* | *tmux*) echo "$name: $line" ;; esac
done 2>/dev/null
:`;

const endAll = ({ user, uid }: LoginCase) => `
for process in /proc/[0-9]*; do
  [ "$(stat -c %u "$process" 2>/dev/null)" != ${uid} ] || kill -KILL "\${process#/proc/}"
done 2>/dev/null
rm -rf /home/${user} /dev/shm/chandler-${uid}`;
