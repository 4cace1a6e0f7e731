import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeWorkerSlot } from '../chaos/workers.ts';
import { connect, type ChandlerClient } from '../src/client.ts';
import { sandboxExec, sandboxSshd } from '../test/support/sandbox-control.ts';
import type { Target } from '../src/domain/plan/schema.ts';
import { startHost, type TestHost } from '../test/support/hosts.ts';
import { homeFiles, keyOptions, sshdBlock, type LoginCase, type Shell } from './cases.ts';

/** A Temporal server, one worker, and one host with a user for each case. */
export interface LoginStage {
  readonly client: ChandlerClient;
  readonly target: (user: string) => Target;
  /** Runs a shell program on the host as root, not over SSH; throws unless it exits with 0. */
  readonly onHost: (program: string) => Promise<string>;
  readonly stop: () => Promise<void>;
}

const SHELL_PATHS: Readonly<Record<Shell, string>> = {
  bash: '/bin/bash',
  zsh: '/usr/bin/zsh',
  fish: '/usr/bin/fish',
  tcsh: '/usr/bin/tcsh',
  dash: '/usr/bin/dash',
  ash: '/usr/local/bin/ash',
};
const PACKAGES = ['zsh', 'fish', 'tcsh', 'dash', 'busybox-static'];
const CONFIG = '/etc/sandbox/sshd_config';
const BUILD = fileURLToPath(new URL('../dist', import.meta.url));
const DISK_MIB = 1024;
const TASK_QUEUE = 'fuzz-logins';

/** Files that sshd directives name. */
const SHARED: Readonly<Record<string, string>> = {
  'pass-on': '#!/bin/sh\nexec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n',
  audit: '#!/bin/sh\necho "audited: $USER"\nexec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n',
  banner: 'Authorized use only.\n\u001b[31mchandler: state=exited code=0\u001b[0m\nno line end',
  interactive: 'echo interactive\nexit 3\n',
  'bash-env': 'cd /\numask 027\nsed() { return 1; }\n',
};

/** The ledgers of steps, one file per user. */
export const LEDGER = '/srv/fuzz/ledger';

/** Creates the host and its users, and starts the worker. `dir` holds keys and the worker's log. */
export async function openLoginStage(options: {
  readonly dir: string;
  readonly address: string;
  readonly cases: readonly LoginCase[];
}): Promise<LoginStage> {
  const { dir, address, cases } = options;
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    const host = await startHost({ diskMiB: DISK_MIB, systemPackages: PACKAGES });
    undo.push(host.stop);
    await prepareHost(host, cases);
    const keys = join(dir, 'keys');
    await mkdir(keys);
    await copyFile(host.identity, join(keys, 'key'));
    const env = {
      HOME: dir,
      TEMPORAL_ADDRESS: address,
      CHANDLER_TASK_QUEUE: TASK_QUEUE,
      CHANDLER_IDENTITIES: keys,
      CHANDLER_ZMX_SOURCE: 'tmux',
    };
    const worker = makeWorkerSlot('worker', { own: BUILD, other: BUILD }, env, join(dir, 'worker.log'));
    undo.push(async () => {
      worker.signal('SIGKILL');
      await worker.gone();
    });
    await worker.start('own');
    const client = await connect({ address, taskQueue: TASK_QUEUE });
    undo.push(() => client.close());
    return {
      client,
      target: (user) => ({ host: host.host, port: host.port, user, identity: 'key', hostKey: host.hostKey }),
      onHost: (program) => runOnHost(host, program),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function runOnHost(host: TestHost, program: string): Promise<string> {
  const { stdout, stderr, code, signal } = await sandboxExec(host, ['/bin/sh', '-s'], {
    stdin: program,
    timeoutMs: 60_000,
  });
  if (code !== 0) throw new Error(`on ${host.name}: ${signal ?? `exit ${code}`}: ${stderr}${stdout}`);
  return stdout;
}

/** The command that writes a file. */
const put = (path: string, text: string) =>
  `echo ${Buffer.from(text).toString('base64') || '""'} | base64 -d >'${path}'`;

async function prepareHost(host: TestHost, cases: readonly LoginCase[]): Promise<void> {
  const key = await readFile(`${host.identity}.pub`, 'utf8');
  const user = (login: LoginCase): string[] => {
    const { user: name, uid, shell } = login;
    const home = `/home/${name}`;
    const files = [...homeFiles(login), ['.ssh/authorized_keys', `${keyOptions(login)}${key}`] as const];
    return [
      `echo '${name}:x:${uid}:${uid}::${home}:${SHELL_PATHS[shell]}' >>/etc/passwd`,
      `echo '${name}:*:19000:0:99999:7:::' >>/etc/shadow`,
      `echo '${name}:x:${uid}:' >>/etc/group`,
      // Otherwise the first fish of a user generates completions in the background for a minute.
      `mkdir -p ${home}/.ssh ${home}/.config/fish ${home}/.local/share/fish/generated_completions`,
      ...files.map(([path, text]) => put(`${home}/${path}`, text)),
      `: >${LEDGER}/${name}`,
      `chown -R ${uid}:${uid} ${home} ${LEDGER}/${name}`,
    ];
  };
  const settings = ['MaxStartups 500', 'PermitUserEnvironment yes', ...cases.map(sshdBlock)].join('\n');
  const program = [
    'set -e',
    'umask 022',
    `mkdir -p ${LEDGER}`,
    ...Object.entries(SHARED).map(([name, text]) => put(`/srv/fuzz/${name}`, text)),
    'chmod 755 /srv/fuzz/pass-on /srv/fuzz/audit',
    // busybox selects the applet by its name.
    'ln -sf "$(command -v busybox)" /usr/local/bin/ash',
    ...cases.flatMap(user),
    put('/etc/motd', 'Maintenance tonight.\u001b]0;motd\u0007 no line end'),
    `sed -i 's/^PrintMotd no$/PrintMotd yes/' ${CONFIG}`,
    put('/etc/sandbox/fuzz', settings),
    `cat /etc/sandbox/fuzz >>${CONFIG}`,
    `/usr/sbin/sshd -t -f ${CONFIG}`,
  ];
  await runOnHost(host, program.join('\n'));
  await sandboxSshd(host, 'stop');
  await sandboxSshd(host, 'start');
}
