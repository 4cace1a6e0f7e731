import type { HostInspection } from '../../activities/activity-types.ts';
import { failureCodes, type FailureCode } from '../../domain/run/failure.ts';
import type { Finding } from '../../domain/run/finding.ts';
import { cleanWords, describeLeftover } from '../../domain/run/leftovers.ts';
import type { Target } from '../../domain/plan/schema.ts';
import type { PartFailure } from '../../domain/run/status.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { quote, quoteOperand, render, sh } from '../../shell/index.ts';
import { clockFinding } from './sections.ts';

/** The way to a host, one thing after the other: what is behind one that fails cannot be seen. */
const WAY = ['identity', 'host-reach', 'host-key', 'host-login', 'host-sudo', 'host-look'] as const;
type Stage = (typeof WAY)[number];

/** Where on the way each failure comes from; any other is of the look itself. */
const FAILS_AT: Partial<Record<FailureCode, Stage>> = {
  'identity-unavailable': 'identity',
  'host-unreachable': 'host-reach',
  'host-key-unknown': 'host-key',
  'host-key-mismatch': 'host-key',
  'auth-failed': 'host-login',
  'login-interferes': 'host-login',
  'become-failed': 'host-sudo',
};

const LOOKED: Readonly<Record<Stage, string>> = {
  identity: 'key to log in with',
  'host-reach': 'network path',
  'host-key': "the host's key",
  'host-login': 'login',
  'host-sudo': 'sudo',
  'host-look': 'inspection',
};

const GOOD: Readonly<Record<Stage, string>> = {
  identity: 'is there',
  'host-reach': 'the host answers',
  'host-key': 'is trusted',
  'host-login': 'works',
  'host-sudo': 'makes root of the login user without a password',
  'host-look': 'works',
};

/** Steps, logs and zmx. */
const FREE_KIB = 100 * 1024;
const FREE_INODES = 1000;
const SLOW_LOGIN_MS = 5000;

/** Judges what a worker has found on a host, or on the way there. */
export function hostFindings(
  target: Target,
  host: HostInspection | { readonly failure: PartFailure },
): Finding[] {
  if ('failure' in host) return judgeWay(target, host.failure);
  return [...judgeWay(target, undefined), ...judgeSight(target, host)];
}

function judgeWay(target: Target, failure: PartFailure | undefined): Finding[] {
  const stages = WAY.filter((stage) => stage !== 'host-sudo' || target.become === 'sudo');
  const at = failure === undefined ? stages.length : stages.indexOf(FAILS_AT[failure.code] ?? 'host-look');
  return stages.map((id, i): Finding => {
    const about = { id, looked: LOOKED[id] };
    if (i < at) return { ...about, verdict: 'ok', says: GOOD[id] };
    if (failure === undefined || i > at) return { ...about, verdict: 'skipped', says: 'not reached' };
    const says = `${oneLine(failure.message)} (${failure.code})`;
    return { ...about, verdict: 'problem', says, mend: mendWay(target, failure) };
  });
}

/** The command where there is one, else the advice. */
function mendWay(target: Target, { code, advice }: PartFailure): string {
  const { host, port = 22, user = 'root' } = target;
  const where = port === 22 ? quote(host) : `-p ${port} ${quote(host)}`;
  switch (code) {
    case 'host-key-unknown':
      return `ssh-keyscan ${where} >> KNOWN_HOSTS, on the worker, once you have compared the fingerprint`;
    case 'auth-failed':
      return `ssh-copy-id -i KEY.pub ${port === 22 ? '' : `-p ${port} `}${quote(`${user}@${host}`)}`;
    case 'become-failed':
      if (!advice.includes('NOPASSWD: ALL') && advice !== failureCodes['become-failed'].advice)
        return oneLine(advice);
      return `echo ${quote(`${user} ALL=(ALL) NOPASSWD: ALL`)} > /etc/sudoers.d/chandler, as root on the host`;
    default:
      return oneLine(advice);
  }
}

function judgeSight(target: Target, sight: HostInspection): Finding[] {
  const { facts, aheadMs } = sight;
  return [
    {
      id: 'host-system',
      looked: 'system',
      verdict: 'ok',
      says: `${oneLine(facts.os).trim() || 'unknown'}, ${facts.arch}, as ${sight.user} (uid ${facts.uid})`,
    },
    judgeTools(sight),
    judgeState(sight),
    judgeDisk(sight),
    judgeZmx(sight),
    clockFinding({ id: 'host-clock', looked: "the host's clock" }, aheadMs, "the worker's"),
    ...judgeSessions(target, sight),
    ...judgeLogin(sight),
    judgeHolder(sight),
    judgeLeftovers(target, sight),
    judgeScript(sight),
  ];
}

function judgeTools({ missing, facts }: HostInspection): Finding {
  const about = { id: 'host-tools', looked: 'tools' };
  const packages = missing.packages.join(' ');
  if (missing.tools.length > 0)
    return {
      ...about,
      verdict: 'problem',
      says: `the host has no ${missing.tools.join(', ')}: nothing can be done without`,
      mend: `apt-get install -y ${packages}`,
    };
  if (!facts.tools.includes('bash'))
    return {
      ...about,
      verdict: 'warning',
      says: 'all that are needed, but no bash: scripts without #! run in sh',
    };
  return { ...about, verdict: 'ok', says: `all that are needed; also ${facts.tools.join(', ')}` };
}

function judgeState({ facts, state }: HostInspection): Finding {
  const about = { id: 'host-state', looked: facts.stateDir };
  if (state.unwritable !== undefined)
    return {
      ...about,
      verdict: 'problem',
      says: `cannot be used: ${oneLine(state.unwritable)}`,
      mend: `ls -ld ${quote(facts.stateDir)}; mount | grep ${quote(facts.stateDir)}`,
    };
  if (state.noexec)
    return { ...about, verdict: 'warning', says: 'is mounted noexec: zmx cannot be run from there' };
  const says = state.exists ? 'is there and can be written' : 'can be made; Chandler was never here';
  return { ...about, verdict: 'ok', says };
}

function judgeDisk({ facts, state: { freeKiB, freeInodes } }: HostInspection): Finding {
  const about = { id: 'host-disk', looked: `disk of ${facts.stateDir}` };
  if (freeKiB === undefined) return { ...about, verdict: 'skipped', says: 'not reported by the host' };
  const inodes = freeInodes === undefined ? '' : `, ${freeInodes} inodes`;
  const says = `${Math.floor(freeKiB / 1024)} MiB${inodes} free`;
  const mend = `df -h ${quote(facts.stateDir)}`;
  // Many file systems have no fixed number of inodes, and say 0 of 0.
  const few = freeInodes !== undefined && freeInodes > 0 && freeInodes < FREE_INODES;
  if (freeKiB < 1024)
    return { ...about, verdict: 'problem', says: `${says}: there is no room for a log`, mend };
  if (freeKiB < FREE_KIB || few)
    return { ...about, verdict: 'warning', says: `${says}: little for logs`, mend };
  return { ...about, verdict: 'ok', says };
}

function judgeZmx({ zmx }: HostInspection): Finding {
  const about = { id: 'host-zmx', looked: 'zmx' };
  switch (zmx.kind) {
    case 'there':
      return {
        ...about,
        verdict: 'ok',
        says: `${zmx.path}${zmx.version === undefined ? '' : ` (${zmx.version})`} will do`,
      };
    case 'install':
      return { ...about, verdict: 'ok', says: `a run installs ${zmx.what} from ${oneLine(zmx.from)}` };
    case 'fails':
      return {
        ...about,
        verdict: 'problem',
        says: `${oneLine(zmx.message)} (${zmx.code})`,
        mend: oneLine(zmx.advice),
      };
  }
}

function judgeSessions(target: Target, { execs }: HostInspection): Finding[] {
  if (!execs) return [];
  const { tried, opened } = execs;
  const about = { id: 'host-sessions', looked: 'sshd MaxSessions' };
  if (opened >= tried)
    return [{ ...about, verdict: 'ok', says: `${tried} sessions at once over one connection` }];
  const mend = `echo 'MaxSessions 10' >> /etc/ssh/sshd_config && systemctl reload ssh`;
  if (opened === 0)
    return [{ ...about, verdict: 'problem', says: `${target.host} opens no session at all`, mend }];
  const says = `${opened} of ${tried} sessions at once over one connection: more connections are made instead`;
  return [{ ...about, verdict: 'warning', says, mend }];
}

/** Every step waits for a login shell before it begins. */
function judgeLogin({ loginMs }: HostInspection): Finding[] {
  if (loginMs === undefined) return [];
  const about = { id: 'host-login-shell', looked: 'login shell' };
  const took = loginMs >= 6000 ? '6 s or more' : `${(loginMs / 1000).toFixed(1)} s`;
  if (loginMs <= SLOW_LOGIN_MS) return [{ ...about, verdict: 'ok', says: `ready after ${took}` }];
  const mend =
    'find out what ~/.bash_profile, ~/.profile, ~/.bashrc and /etc/profile.d wait for (often a stale lock)';
  return [
    {
      ...about,
      verdict: 'warning',
      says: `ready only after ${took}: each step begins that much later`,
      mend,
    },
  ];
}

function judgeHolder({ holder, facts }: HostInspection): Finding {
  const about = { id: 'host-lease', looked: 'lease' };
  if (!holder) return { ...about, verdict: 'ok', says: 'no run is at work here' };
  if (holder.kind === 'run') {
    const who = `run ${oneLine(holder.workflowId)}`;
    return holder.atWork
      ? {
          ...about,
          verdict: 'warning',
          says: `${who} is at work: another would be refused`,
          mend: `chandler watch ${quoteOperand(oneLine(holder.workflowId))}`,
        }
      : { ...about, verdict: 'ok', says: `left by ${who}, which is over: the next run takes it` };
  }
  if (holder.kind === 'script')
    return holder.atWork
      ? {
          ...about,
          verdict: 'warning',
          says: "the host's own script is at work: only the same plan takes over from it",
          mend: 'chandler watch-host TARGET',
        }
      : { ...about, verdict: 'ok', says: "left by the host's own script: the next run takes it" };
  return {
    ...about,
    verdict: 'warning',
    says: 'held by something that Chandler cannot read: the next run replaces it',
    mend: `cat ${quote(`${facts.stateDir}/lease`)}`,
  };
}

function judgeLeftovers(target: Target, sight: HostInspection): Finding {
  const about = { id: 'host-leftovers', looked: 'leftovers' };
  const left = sight.leftovers.filter(({ atWork }) => !atWork);
  if (left.length === 0) return { ...about, verdict: 'ok', says: 'no earlier run left a step running' };
  return {
    ...about,
    verdict: 'warning',
    says: `left running: ${left.map((each) => oneLine(describeLeftover(each))).join(', ')}`,
    mend: render(sh('chandler', ...cleanWords(target, '--end'))),
  };
}

function judgeScript({ script }: HostInspection): Finding {
  const about = { id: 'host-script', looked: 'provisioning script' };
  if (!script) return { ...about, verdict: 'ok', says: 'none has run here' };
  const failed = script.failure ? `: ${oneLine(script.failure.text)} (${script.failure.code})` : '';
  const says = `${script.alive ? 'at work' : 'not at work'}, phase ${oneLine(script.phase)}${failed}`;
  return script.phase === 'failed'
    ? { ...about, verdict: 'problem', says, mend: `tail ${quote(script.logPath)}` }
    : { ...about, verdict: 'ok', says };
}
