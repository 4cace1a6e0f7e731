import { ChandlerError } from '../domain/run/failure.ts';
import {
  resolvePlan,
  planDigest,
  type ResolvedPlan,
  type ResolvedStep,
} from '../domain/plan/resolve-plan.ts';
import { formatProblems, type Problem } from '../domain/plan/problems.ts';
import type { Plan, Step } from '../domain/plan/schema.ts';
import { partDigest } from '../domain/run/part-record.ts';
import { recordOf } from '../domain/is-record.ts';
import { validatePlan } from '../domain/plan/validate.ts';
import { assignments, exports as renderExports } from '../host/launch-body.ts';
import { deliveredFiles } from '../host/placed-files.ts';
import { renderFilesCheck, renderPlacement } from '../host/render-files.ts';
import {
  loadPrograms,
  readPart,
  readProgram,
  selfProvisioningHostParts,
  withoutDirectives,
} from '../host/programs.ts';
import { keyOf } from '../host/zmx-transfer.ts';
import { quote } from '../shell/index.ts';
import { loadShim, oldestVersion, releaseFor, zmxArchitectures, missedEnds } from '../zmx/index.ts';
import { definedOnly } from '../domain/defined-only.ts';

/** The settings of a script besides its steps: the parts of a plan that need no worker. */
export interface ScriptOptions extends Pick<
  Plan,
  'name' | 'env' | 'zmx' | 'bootstrap' | 'sentinel' | 'onStepFailure' | 'keepSessions'
> {
  /** Default: /var/lib/chandler for root, ~/.local/state/chandler otherwise. A workflow uses the same defaults. */
  readonly stateDir?: string;
  /** Default: /var/log/chandler-provision.log for root, script.log in the state directory otherwise. */
  readonly log?: string;
}

/**
 * Generates a program for a self-provisioning host: POSIX sh in one text, for dash, bash and busybox ash. It waits for the
 * bootstrap marker, installs zmx (checksum verified), runs the steps like a workflow, each in its own session and in parallel
 * where their `needs` allow, then the finalizers in step order, and writes the sentinel last. Started again, for example after a
 * reboot, it continues where it was and repeats nothing that is done. A workflow that is started for the same steps continues its
 * work, too.
 *
 * It exits with 0 once the host is provisioned, 1 if a step or anything else failed, 75 if another instance or a workflow is
 * running, 128 + N when signal N ended it.
 *
 * @throws ChandlerError invalid-input with every problem, also for secrets and files of a worker, which it cannot read;
 * host-unsupported or zmx-unavailable for a zmx without a release
 */
export function script(steps: readonly Step[], options: ScriptOptions = {}): string {
  const { stateDir, log, ...rest } = options;
  const { plan: valid, problems = [] } = validatePlan({ ...rest, target: { host: 'localhost' }, steps });
  const all = [...problems, ...withoutWorker(Array.isArray(steps) ? steps : [], options)];
  if (!valid || all.length > 0)
    throw new ChandlerError('invalid-input', formatProblems(all), { facts: { problems: all } });

  const plan = resolvePlan(valid);
  const digest = planDigest(valid);
  const programs = loadPrograms();
  const shim = loadShim();
  const host = selfProvisioningHostParts();
  const [common = '', ...hostRest] = host.texts;
  const { zmx } = plan;
  const settings = assignments({
    owner: scriptOwner(digest),
    digest,
    plan_records: plan.records,
    wished_state_dir: stateDir ?? '',
    wished_log: log ?? '',
    ...(zmx.source === 'tmux' && { zmx_key: keyOf('tmux', shim.sha256), zmx_sha256: shim.sha256 }),
    host_program: host.name,
    supervisor: programs.supervise.name,
    ...settingsOf(plan),
  });
  const texts: Record<string, string> = {
    common,
    'host-rest': hostRest.join('\n'),
    'install-rest': withoutDirectives(readPart('install-zmx')),
    [programs.supervise.name]: programs.supervise.text,
    plan: JSON.stringify({ ...rest, steps }),
    'plan-name': JSON.stringify(plan.name),
    ...(zmx.source === 'tmux' && { zmx: Buffer.from(shim.content).toString('utf8') }),
    ...(Object.assign({}, ...plan.steps.map(textsOf)) as Record<string, string>),
  };
  return [
    '#!/bin/sh',
    `# Provisions this host (${plan.steps.length === 1 ? '1 step' : `${plan.steps.length} steps`}, digest ${digest.slice(0, 12)}). Made by \`chandler script\`: change the plan, not this.`,
    '# shellcheck disable=SC2016,SC2034,SC2209 # settings: taken as they are, and not every plan needs all of them',
    'set -u',
    'login_umask=$(umask) login_locale=${LC_ALL-}',
    'umask 077',
    'LC_ALL=C PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    // At boot HOME is not set, and programs that steps call may need it.
    `HOME=\${HOME:-$(awk -F : -v uid="$(id -u)" '$3 == uid { print $6; exit }' /etc/passwd)}`,
    'export LC_ALL PATH HOME',
    settings,
    renderTexts(texts, host.name),
    renderParts(plan.steps),
    renderReleases(zmx),
    ...PARTS.map((part) => readProgram(new URL(`./programs/${part}.sh`, import.meta.url))),
    'main "$@"',
    '',
  ].join('\n');
}

/** What the shell program needs to know of the plan as a whole. */
function settingsOf({ steps, zmx, ...plan }: ResolvedPlan): Record<string, string> {
  return {
    wished_sentinel: plan.sentinel.path ?? '',
    when_present: plan.sentinel.whenPresent,
    marker: plan.bootstrap?.marker ?? '',
    marker_bound_s: String(seconds(plan.bootstrap?.timeoutMs ?? 0)),
    on_failure: plan.onStepFailure,
    keep_sessions: plan.keepSessions,
    zmx_source: zmx.source ?? 'release',
    zmx_explicit: zmx.source === undefined ? 'no' : 'yes',
    zmx_minimum: oldestVersion,
    zmx_wanted: zmx.version ?? oldestVersion,
    linger_before: missedEnds.before,
    linger_s: String(missedEnds.seconds),
    steps: steps.map(({ name }) => name).join(' '),
    finalizers: steps.flatMap(({ name, finalize }) => (finalize === undefined ? [] : [name])).join(' '),
  };
}

/** The shell program after its settings and texts, in this order. */
const PARTS = ['prepare', 'run-parts', 'end-parts', 'main'];

const OWNER_PREFIX = 'script-';

/** The owner of a script's launches. It depends on the digest only, so launches of the same work always have the same names. */
export function scriptOwner(digest: string): string {
  return `${OWNER_PREFIX}${digest.slice(0, 20)}`;
}

/** Whether launches of this owner were started by a script. */
export function isScriptOwner(owner: string): boolean {
  return owner.startsWith(OWNER_PREFIX);
}

function withoutWorker(steps: readonly Step[], { zmx, bootstrap, stateDir, log }: ScriptOptions): Problem[] {
  const problems: Problem[] = steps.flatMap((step, i) =>
    Object.keys(step?.secrets ?? {}).length === 0
      ? []
      : [
          {
            path: `steps[${i}].secrets`,
            message: 'needs a worker to look it up; a script would hold the value itself',
          },
        ],
  );
  for (const [i, step] of steps.entries()) {
    if (step?.reboot !== undefined)
      problems.push({ path: `steps[${i}].reboot`, message: 'needs a worker, which waits for the host' });
    // The validation reports files of another shape.
    const files: readonly unknown[] = Array.isArray(step?.files) ? step.files : [];
    for (const [j, file] of files.entries())
      for (const key of ['secret', 'from'])
        if (recordOf(file)[key] !== undefined)
          problems.push({
            path: `steps[${i}].files[${j}].${key}`,
            message: 'needs a worker, which a script does not have; give content, or a url',
          });
  }
  for (const key of ['login', 'cloudInit', 'packages'])
    if (recordOf(bootstrap)[key] !== undefined)
      problems.push({ path: `bootstrap.${key}`, message: 'needs a worker; a script can wait for a marker' });
  if (zmx?.source === 'file' || (zmx?.source === undefined && zmx?.file !== undefined)) {
    problems.push({
      path: 'zmx.file',
      message: 'is a file of the worker; put zmx into the image, or give zmx.url and zmx.sha256',
    });
  }
  for (const [path, value] of Object.entries({ stateDir, log })) {
    if (value !== undefined && (!value.startsWith('/') || /\p{Cc}/u.test(value)))
      problems.push({ path, message: 'must be an absolute path, on one line' });
  }
  return problems;
}

function textsOf(step: ResolvedStep): Record<string, string> {
  const { name, script: text, finalize, check, env } = step;
  const files = deliveredFiles(step, { secrets: {}, workerFiles: new Map() });
  return definedOnly({
    [`step ${name}`]: renderPlacement(files, text),
    [`finalizer ${name}`]: finalize,
    [`check ${name}`]: check === undefined ? undefined : renderFilesCheck(files, check),
    [`exports ${name}`]: renderExports(env) || undefined,
  }) as Record<string, string>;
}

/** The shell function `text NAME`. Here-documents keep every byte as it is. */
function renderTexts(texts: Readonly<Record<string, string>>, hostProgram: string): string {
  const cases = Object.entries(texts).map(([name, text]) => {
    // The shortest delimiter that does not occur as a line of the text.
    let end = 'EOT';
    while (text.split('\n').includes(end)) end += '_';
    const body = text === '' || text.endsWith('\n') ? text : `${text}\n`;
    return `${quote(name)}) cat <<'${end}'\n${body}${end}\n;;`;
  });
  return [
    'text() {',
    'case $1 in',
    `${quote(hostProgram)}) text common && echo && text host-rest ;;`,
    'install-zmx) text common && echo && text install-rest ;;',
    ...cases,
    'esac',
    '}',
  ].join('\n');
}

/** The shell function `part NAME`. */
function renderParts(steps: readonly ResolvedStep[]): string {
  const cases = steps.map((step) => {
    const { name, needs, retry, timeoutMs } = step;
    const settings = {
      needs: needs.join(' '),
      attempts: String(retry.attempts),
      backoff_s: String(seconds(retry.backoffMs)),
      bound_s: String(seconds(timeoutMs)),
      step_sum: partDigest(step, 'step'),
      ...(step.finalize !== undefined && { end_sum: partDigest(step, 'finalizer') }),
      ...(step.always && { always: 'yes' }),
    };
    return `${quote(name)}) ${assignments(settings).trimEnd().replaceAll('\n', ' ')} ;;`;
  });
  return ['part() {', 'case $1 in', ...cases, 'esac', '}'].join('\n');
}

/** The shell function `release_for CPU`. */
function renderReleases({ version, url, sha256 }: NonNullable<Plan['zmx']>): string {
  const branch = (pattern: string, arch: string) => {
    const release = releaseFor({ version, url, sha256, arch });
    const settings = {
      zmx_url: release.url,
      zmx_sha256: release.sha256,
      zmx_key: keyOf(release.version, release.sha256),
    };
    return `${pattern}) ${assignments(settings).trimEnd().replaceAll('\n', ' ')} ;;`;
  };
  const anyCpu = url !== undefined && sha256 !== undefined;
  const branches = anyCpu
    ? [branch('*', '')]
    : [...Object.entries(zmxArchitectures).map(([arch]) => branch(arch, arch)), '*) zmx_url= ;;'];
  return ['release_for() {', 'case $1 in', ...branches, 'esac', '}'].join('\n');
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
