// Other tools that do the work of the bench: how each is installed, and the command that runs it.
import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, runOrThrow } from '../src/dev/sandbox/run-program.ts';
import type { SandboxHost } from '../src/dev/sandbox/index.ts';
import { defaultCacheDir } from '../src/dev/temporal/index.ts';
import { messageOf } from '../src/domain/run/failure.ts';
import { finalizer, sentinelScript, stepScript, STEPS, wholeScript } from './work.ts';

export interface Peer {
  readonly name: string;
  /** How it does the work. */
  readonly about: string;
  /** Installs it where it is missing, and returns its version. @throws Error with the reason why it cannot be used */
  readonly install: () => Promise<string>;
  /** The command that does the work on the hosts of a directory made by `layOut`, which is its working directory. */
  readonly argv: (dir: string) => readonly string[];
}

const PYINFRA = '3.10.0';
const ANSIBLE = '2.19.14';

export const peers: readonly Peer[] = [
  {
    name: 'OpenSSH, one script',
    about:
      "`ssh HOST 'bash -s'` with one script on standard input, which runs the steps side by side; all hosts at once",
    install: sshVersion,
    argv: (dir) => ['sh', program('ssh.sh'), dir],
  },
  {
    name: 'OpenSSH ControlMaster',
    about:
      'one `ssh` for each step, the finalizer and the sentinel, over one shared connection to each host; steps side by side, all hosts at once',
    install: sshVersion,
    argv: (dir) => ['sh', program('master.sh'), dir],
  },
  {
    name: 'pyinfra',
    about: 'five operations `server.shell`, one after another; all hosts at once',
    install: () => installFromPypi('pyinfra', PYINFRA),
    argv: () => [
      venvProgram('pyinfra', PYINFRA, 'pyinfra'),
      '-y',
      program('inventory.py'),
      program('deploy.py'),
    ],
  },
  {
    name: 'Ansible',
    about: 'five tasks `shell`, one after another, without facts; pipelining, 50 forks',
    install: async () => `ansible-core ${await installFromPypi('ansible-core', ANSIBLE)}`,
    argv: () => [
      venvProgram('ansible-core', ANSIBLE, 'ansible-playbook'),
      '-i',
      'inventory.ini',
      '-e',
      '@work.json',
      program('playbook.yaml'),
    ],
  },
];

/** The environment of the peers: nothing of this machine's user. */
export function peerEnv(dir: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: dir,
    LANG: 'C.UTF-8',
    ANSIBLE_CONFIG: join(dir, 'ansible.cfg'),
  };
}

/** Writes what the peers read: the hosts, and the work. */
export async function layOut(dir: string, hosts: readonly SandboxHost[], sleepS: number): Promise<void> {
  await mkdir(dir, { recursive: true });
  const steps = Object.fromEntries(STEPS.map((name) => [name, stepScript(name, sleepS)]));
  const files: Record<string, string> = {
    hosts: hosts.map(({ port, identity, knownHosts }) => `${port} ${identity} ${knownHosts}\n`).join(''),
    'work.sh': wholeScript(sleepS),
    finalizer,
    sentinel: sentinelScript,
    ...Object.fromEntries(STEPS.map((name) => [`step-${name}`, stepScript(name, sleepS)])),
    'work.json': JSON.stringify({ steps, finalizer, sentinel: sentinelScript }),
    'hosts.json': JSON.stringify(hosts.map(pyinfraHost)),
    'inventory.ini': `[all]\n${hosts.map(ansibleHost).join('\n')}\n`,
    'ansible.cfg': ansibleConfig(dir),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
}

function pyinfraHost({ name, host, port, identity, knownHosts }: SandboxHost) {
  const data = {
    ssh_hostname: host,
    ssh_port: port,
    ssh_user: 'root',
    ssh_key: identity,
    ssh_known_hosts_file: knownHosts,
    ssh_strict_host_key_checking: 'yes',
  };
  return { name, data };
}

function ansibleHost({ name, host, port, identity, knownHosts }: SandboxHost): string {
  const login = `ansible_host=${host} ansible_port=${port} ansible_user=root ansible_ssh_private_key_file=${identity}`;
  return `${name} ${login} ansible_ssh_extra_args='-o UserKnownHostsFile=${knownHosts}'`;
}

function ansibleConfig(dir: string): string {
  return `[defaults]
forks = 50
host_key_checking = True
interpreter_python = /usr/bin/python3
local_tmp = ${dir}/tmp
[ssh_connection]
pipelining = True
control_path_dir = ${dir}/cp
`;
}

function program(name: string): string {
  return fileURLToPath(new URL(`./peers/${name}`, import.meta.url));
}

async function sshVersion(): Promise<string> {
  const { code, stderr } = await run(['ssh', '-V']);
  if (code !== 0) throw new Error(`no ssh here: ${stderr.trim()}`);
  return stderr.split(',')[0] ?? '';
}

function venvDir(name: string, version: string): string {
  return join(defaultCacheDir(process.env), 'bench', `${name}-${version}`);
}

function venvProgram(name: string, version: string, file: string): string {
  return join(venvDir(name, version), 'bin', file);
}

/** Installs a package from PyPI into a virtual environment of its own, unless that has been done before. */
async function installFromPypi(name: string, version: string): Promise<string> {
  const dir = venvDir(name, version);
  const mark = join(dir, 'installed');
  const isInstalled = await access(mark).then(
    () => true,
    () => false,
  );
  if (isInstalled) return version;
  try {
    await rm(dir, { recursive: true, force: true });
    await runOrThrow(['python3', '-m', 'venv', dir]);
    await runOrThrow([join(dir, 'bin/pip'), 'install', '--quiet', `${name}==${version}`]);
    await writeFile(mark, '');
    return version;
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw new Error(`${name} ${version} cannot be installed from PyPI: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
