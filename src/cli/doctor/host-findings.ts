import type { HostInspection } from '../../activities/activity-types.ts';
import { failureCodes, type FailureCode } from '../../domain/run/failure.ts';
import { verdictsOn, type Finding } from '../../domain/run/finding.ts';
import { cleanWords, describeLeftover } from '../../domain/run/leftovers.ts';
import type { Target } from '../../domain/plan/schema.ts';
import type { PartFailure } from '../../domain/run/status.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import { quote, quoteOperand, render, sh } from '../../shell/index.ts';
import { clockFinding } from './sections.ts';

/** The way to a host, one stage after the other, with what is inspected and what is reported if it is good. */
const WAY = {
  identity: ['key to log in with', 'exists'],
  'host-reach': ['network path', 'the host answers'],
  'host-key': ["the host's key", 'is trusted'],
  'host-login': ['login', 'works'],
  'host-sudo': ['sudo', 'lets the login user become root without a password'],
  'host-inspection': ['inspection', 'works'],
} as const;
type Stage = keyof typeof WAY;

/** The stage that each failure comes from; any other comes from the inspection. */
const FAILS_AT: Partial<Record<FailureCode, Stage>> = {
  'identity-unavailable': 'identity',
  'host-unreachable': 'host-reach',
  'host-key-unknown': 'host-key',
  'host-key-mismatch': 'host-key',
  'auth-failed': 'host-login',
  'login-interferes': 'host-login',
  'become-failed': 'host-sudo',
};

/** Steps, logs and zmx. */
const FREE_KIB = 100 * 1024;
const FREE_INODES = 1000;
const SLOW_LOGIN_MS = 5000;

export function hostFindings(
  target: Target,
  host: HostInspection | { readonly failure: PartFailure },
): Finding[] {
  if ('failure' in host) return accessFindings(target, host.failure);
  return [...accessFindings(target, undefined), ...inspectionFindings(target, host)];
}

function accessFindings(target: Target, failure: PartFailure | undefined): Finding[] {
  const stages = (Object.keys(WAY) as Stage[]).filter((id) => id !== 'host-sudo' || target.become === 'sudo');
  const at =
    failure === undefined ? stages.length : stages.indexOf(FAILS_AT[failure.code] ?? 'host-inspection');
  return stages.map((id, i): Finding => {
    const [subject, good] = WAY[id];
    const { ok, problem, skipped } = verdictsOn(id, subject);
    if (i < at) return ok(good);
    if (failure === undefined || i > at) return skipped('not reached');
    return problem(`${oneLine(failure.message)} (${failure.code})`, fixFor(target, failure));
  });
}

/** The command that fixes the failure; without one, the advice. */
function fixFor(target: Target, { code, advice }: PartFailure): string {
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

function inspectionFindings(target: Target, inspection: HostInspection): Finding[] {
  const { facts, aheadMs, user } = inspection;
  const os = oneLine(facts.os).trim() || 'unknown';
  return [
    verdictsOn('host-system', 'system').ok(`${os}, ${facts.arch}, as ${user} (uid ${facts.uid})`),
    toolsFinding(inspection),
    stateFinding(inspection),
    diskFinding(inspection),
    zmxFinding(inspection),
    clockFinding(verdictsOn('host-clock', "the host's clock"), aheadMs, "the worker's"),
    ...sessionFindings(target, inspection),
    ...loginFindings(inspection),
    holderFinding(inspection),
    leftoversFinding(target, inspection),
    scriptFinding(inspection),
  ];
}

function toolsFinding({ missing, facts }: HostInspection): Finding {
  const { ok, warning, problem } = verdictsOn('host-tools', 'tools');
  if (missing.tools.length > 0)
    return problem(
      `the host has no ${missing.tools.join(', ')}, which every run needs`,
      `apt-get install -y ${missing.packages.join(' ')}`,
    );
  return facts.tools.includes('bash')
    ? ok(`all that are needed; also ${facts.tools.join(', ')}`)
    : warning('all that are needed, but no bash: scripts without #! run in sh');
}

function stateFinding({ facts, state }: HostInspection): Finding {
  const { ok, warning, problem } = verdictsOn('host-state', facts.stateDir);
  const dir = quote(facts.stateDir);
  if (state.unwritable !== undefined)
    return problem(`cannot be used: ${oneLine(state.unwritable)}`, `ls -ld ${dir}; mount | grep ${dir}`);
  if (state.noexec) return warning('is mounted noexec: zmx cannot be run from there');
  return ok(state.exists ? 'exists and is writable' : 'can be created; Chandler was never here');
}

function diskFinding({ facts, state: { freeKiB, freeInodes } }: HostInspection): Finding {
  const { ok, warning, problem, skipped } = verdictsOn('host-disk', `disk of ${facts.stateDir}`);
  if (freeKiB === undefined) return skipped('not reported by the host');
  const inodes = freeInodes === undefined ? '' : `, ${freeInodes} inodes`;
  const message = `${Math.floor(freeKiB / 1024)} MiB${inodes} free`;
  const show = `df -h ${quote(facts.stateDir)}`;
  // Many file systems have no fixed number of inodes, and report 0 of 0.
  const isFew = freeInodes !== undefined && freeInodes > 0 && freeInodes < FREE_INODES;
  if (freeKiB < 1024) return problem(`${message}: there is no room for a log`, show);
  return freeKiB < FREE_KIB || isFew ? warning(`${message}: little for logs`, show) : ok(message);
}

function zmxFinding({ zmx }: HostInspection): Finding {
  const { ok, problem } = verdictsOn('host-zmx', 'zmx');
  switch (zmx.kind) {
    case 'there':
      return ok(`${zmx.path}${zmx.version === undefined ? '' : ` (${zmx.version})`} is suitable`);
    case 'install':
      return ok(`a run installs ${zmx.what} from ${oneLine(zmx.from)}`);
    case 'fails':
      return problem(`${oneLine(zmx.message)} (${zmx.code})`, oneLine(zmx.advice));
  }
}

function sessionFindings(target: Target, { execs }: HostInspection): Finding[] {
  if (!execs) return [];
  const { tried, opened } = execs;
  const { ok, warning, problem } = verdictsOn('host-sessions', 'sshd MaxSessions');
  if (opened >= tried) return [ok(`${tried} sessions at once over one connection`)];
  const fix = `echo 'MaxSessions 10' >> /etc/ssh/sshd_config && systemctl reload ssh`;
  if (opened === 0) return [problem(`${target.host} opens no session at all`, fix)];
  const message = `${opened} of ${tried} sessions at once over one connection: more connections are made instead`;
  return [warning(message, fix)];
}

/** The finding about the login shell, for which every step waits. */
function loginFindings({ loginMs }: HostInspection): Finding[] {
  if (loginMs === undefined) return [];
  const { ok, warning } = verdictsOn('host-login-shell', 'login shell');
  const took = loginMs >= 6000 ? '6 s or more' : `${(loginMs / 1000).toFixed(1)} s`;
  if (loginMs <= SLOW_LOGIN_MS) return [ok(`ready after ${took}`)];
  const fix =
    'find out what ~/.bash_profile, ~/.profile, ~/.bashrc and /etc/profile.d wait for (often a stale lock)';
  return [warning(`ready only after ${took}: each step begins that much later`, fix)];
}

function holderFinding({ holder, facts }: HostInspection): Finding {
  const { ok, warning } = verdictsOn('host-lease', 'lease');
  if (!holder) return ok('no run is at work here');
  switch (holder.kind) {
    case 'run': {
      const id = oneLine(holder.workflowId);
      return holder.atWork
        ? warning(`run ${id} is at work: another would be refused`, `chandler watch ${quoteOperand(id)}`)
        : ok(`left by run ${id}, which is over: the next run takes it`);
    }
    case 'script':
      return holder.atWork
        ? warning(
            'the self-provisioning script is running: only the same plan takes over from it',
            'chandler watch-host TARGET',
          )
        : ok('left by the self-provisioning script: the next run takes it');
    case 'unknown':
      return warning(
        'held by something that Chandler cannot read: the next run replaces it',
        `cat ${quote(`${facts.stateDir}/lease`)}`,
      );
  }
}

function leftoversFinding(target: Target, inspection: HostInspection): Finding {
  const { ok, warning } = verdictsOn('host-leftovers', 'leftovers');
  const left = inspection.leftovers.filter(({ atWork }) => !atWork);
  if (left.length === 0) return ok('no earlier run left a step running');
  const message = `left running: ${left.map((each) => oneLine(describeLeftover(each))).join(', ')}`;
  return warning(message, render(sh('chandler', ...cleanWords(target, '--end'))));
}

function scriptFinding({ script }: HostInspection): Finding {
  const { ok, problem } = verdictsOn('host-script', 'provisioning script');
  if (!script) return ok('none has run here');
  const failed = script.failure ? `: ${oneLine(script.failure.text)} (${script.failure.code})` : '';
  const message = `${script.alive ? 'at work' : 'not at work'}, phase ${oneLine(script.phase)}${failed}`;
  return script.phase === 'failed' ? problem(message, `tail ${quote(script.logPath)}`) : ok(message);
}
