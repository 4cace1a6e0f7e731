import { connect } from 'node:net';
import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { sandboxReboot, sandboxSshd } from '../test/support/sandbox-control.ts';
import { controls } from './controls.ts';
import type { FaultKind, Undo } from './fault-kind.ts';
import { launchFault } from './host-faults.ts';
import type { StageHost } from './stage.ts';
import type { Build, WorkerSlot } from './workers.ts';

const nothing: Undo = async () => undefined;
const AT_ONCE = [0, 0] as const;
const NO_LOGINS = 'MaxStartups 1:100:1';
const ONE_SESSION = 'MaxSessions 1';
const NO_USERS = 'AllowUsers nobody';
const DAY_S = 86_400;

export const faultKinds: readonly FaultKind[] = [
  {
    name: 'connection reset',
    weight: 8,
    on: 'link',
    lasts: AT_ONCE,
    strike: async ({ host }) => cutOpen(host, 'reset'),
  },
  {
    name: 'black hole',
    weight: 5,
    on: 'link',
    lasts: [200, 3000],
    strike: async ({ host }) => proxyMode(host, 'blackhole'),
  },
  {
    name: 'long black hole',
    weight: 1,
    on: 'link',
    lasts: [10_000, 18_000],
    strike: async ({ host }) => proxyMode(host, 'blackhole'),
  },
  {
    name: 'half-open',
    weight: 3,
    on: 'link',
    lasts: AT_ONCE,
    strike: async ({ host }) => cutOpen(host, 'strand'),
  },
  {
    name: 'slow link',
    weight: 4,
    on: 'link',
    lasts: [500, 3000],
    strike: async ({ host, salt }) => proxyMode(host, 'delay', { delayMs: 50 + (salt % 350) }),
  },
  {
    name: 'truncated upload',
    weight: 5,
    on: 'link',
    lasts: [200, 1000],
    strike: async ({ host, salt }) => proxyMode(host, 'truncate', { truncateBytes: salt % 6000 }),
  },
  {
    name: 'refused connections',
    weight: 3,
    on: 'link',
    lasts: [300, 2000],
    strike: async ({ host }) => {
      await host.proxy.refuse();
      host.proxy.reset();
      return () => host.proxy.accept();
    },
  },
  {
    name: 'sshd stopped',
    weight: 4,
    on: 'sshd',
    lasts: [300, 2500],
    strike: async ({ host, salt }) => {
      await sandboxSshd(host.sandbox, 'stop', { dropConnections: salt % 4 !== 0 });
      return () => sandboxSshd(host.sandbox, 'start');
    },
  },
  {
    name: 'logins refused (MaxStartups)',
    weight: 2,
    on: 'sshd',
    lasts: [500, 2500],
    strike: async ({ host }) => {
      const undo = await sshdSetting(host, NO_LOGINS);
      // A connection that never logs in occupies the only slot.
      const idle = connect(host.sandbox.port, '127.0.0.1').on('error', () => undefined);
      await once(idle, 'data').catch(() => undefined);
      return async () => {
        idle.destroy();
        await undo();
      };
    },
  },
  {
    name: 'sessions refused (MaxSessions)',
    weight: 2,
    on: 'sshd',
    lasts: [500, 2500],
    strike: async ({ host }) => sshdSetting(host, ONE_SESSION),
  },
  {
    name: 'key removed (authorized_keys)',
    weight: 3,
    on: 'sshd',
    removesAccess: true,
    lasts: [500, 5000],
    strike: async ({ host }) => {
      const [keys, aside] = ['/root/.ssh/authorized_keys', '/root/.ssh/aside'];
      await host.run(`mv ${keys} ${aside}`);
      await sandboxSshd(host.sandbox, 'drop');
      return async () => void (await host.run(`mv ${aside} ${keys}`));
    },
  },
  {
    name: 'user refused (AllowUsers)',
    weight: 2,
    on: 'sshd',
    removesAccess: true,
    lasts: [500, 5000],
    strike: async ({ host }) => sshdSetting(host, NO_USERS),
  },
  {
    name: 'host key changed',
    weight: 3,
    on: 'sshd',
    removesAccess: true,
    lasts: [500, 5000],
    strike: async ({ host }) => {
      const [key, own, other] = ['/etc/sandbox/host_key', '/etc/chaos/own_key', '/etc/chaos/other_key'];
      await restartSshd(
        host,
        `[ -e ${other} ] || ssh-keygen -q -t ed25519 -N '' -f ${other}; mv ${key} ${own} && cp -p ${other} ${key}`,
      );
      return () => restartSshd(host, `mv ${own} ${key}`);
    },
  },
  {
    name: 'identity removed from the workers',
    weight: 2,
    on: 'sshd',
    removesAccess: true,
    lasts: [500, 5000],
    strike: async ({ stage, host }) => {
      const identity = join(stage.keys, host.sandbox.name);
      const aside = join(stage.dir, `${host.sandbox.name}.aside`);
      await rename(identity, aside);
      await sandboxSshd(host.sandbox, 'drop');
      return () => rename(aside, identity);
    },
  },
  {
    name: 'session ended (zmx kill)',
    weight: 4,
    on: 'launch',
    lasts: AT_ONCE,
    strike: async ({ host, salt }) => (await launchFault(host, 'session', salt)) && nothing,
  },
  {
    name: "step's pty killed (script)",
    weight: 3,
    on: 'launch',
    kills: true,
    lasts: AT_ONCE,
    strike: async ({ host, salt }) => (await launchFault(host, 'pty', salt)) && nothing,
  },
  {
    name: 'zmx daemon killed',
    weight: 4,
    on: 'launch',
    lasts: AT_ONCE,
    strike: async ({ host, salt }) => (await launchFault(host, 'daemon', salt)) && nothing,
  },
  {
    name: 'session shell killed',
    weight: 5,
    on: 'launch',
    kills: true,
    lasts: AT_ONCE,
    strike: async ({ host, salt }) => (await launchFault(host, 'shell', salt)) && nothing,
  },
  {
    name: 'supervisor killed',
    weight: 5,
    on: 'launch',
    kills: true,
    lasts: AT_ONCE,
    strike: async ({ host, salt }) => (await launchFault(host, 'supervisor', salt)) && nothing,
  },
  {
    name: 'process tree killed',
    weight: 6,
    on: 'launch',
    kills: true,
    lasts: AT_ONCE,
    strike: async ({ host, salt }) => (await launchFault(host, 'tree', salt)) && nothing,
  },
  {
    name: 'host rebooted',
    weight: 3,
    on: 'host',
    kills: true,
    lasts: AT_ONCE,
    strike: async ({ host }) => {
      await sandboxReboot(host.sandbox);
      return nothing;
    },
  },
  {
    name: 'disk full',
    weight: 2,
    on: 'host',
    kills: true,
    losesLogs: true,
    lasts: [300, 2500],
    strike: async ({ host }) => {
      await host.run('dd if=/dev/zero of=/var/chaos-fill bs=64k 2>/dev/null || :');
      return async () => void (await host.run('rm -f /var/chaos-fill'));
    },
  },
  {
    name: 'disk read-only',
    weight: 2,
    on: 'host',
    kills: true,
    losesLogs: true,
    lasts: [300, 2500],
    strike: async ({ host }) => {
      const dir = '/var/lib/chandler';
      // A mount that is in use refuses to become read-only, so a new one becomes read-only and is then moved here.
      const aside = '/run/chaos-read-only';
      await host.run(
        `mkdir -p ${dir} ${aside}; mount --bind ${dir} ${aside} && mount -o remount,bind,ro ${aside} && mount --move ${aside} ${dir}`,
        { asMachine: true },
      );
      // A shell in that directory keeps the mount busy.
      return async () => void (await host.run(`umount -l ${dir}`, { asMachine: true }));
    },
  },
  {
    name: 'clock jump',
    weight: 2,
    on: 'host',
    lasts: [500, 3000],
    strike: async ({ host, salt }) => {
      const days = [-400, -1, 1, 40][salt % 4] ?? 1;
      await host.run(`mkdir -p /run/chaos; echo ${days * DAY_S} >/run/chaos/clock`);
      return async () => void (await host.run('rm -f /run/chaos/clock'));
    },
  },
  {
    name: 'worker SIGKILL',
    weight: 3,
    on: 'worker',
    lasts: [0, 2000],
    strike: async ({ worker }) => endWorker(worker, 'SIGKILL', 'own'),
  },
  {
    name: 'worker SIGTERM',
    weight: 2,
    on: 'worker',
    lasts: [0, 1000],
    strike: async ({ worker }) => endWorker(worker, 'SIGTERM', 'own'),
  },
  {
    name: 'worker of another build',
    weight: 2,
    on: 'worker',
    lasts: AT_ONCE,
    strike: async ({ worker, salt }) => endWorker(worker, salt % 2 ? 'SIGTERM' : 'SIGKILL', 'other'),
  },
  {
    name: 'worker SIGSTOP',
    weight: 3,
    on: 'worker',
    lasts: [300, 4000],
    strike: async ({ worker }) => stopWorker(worker),
  },
  {
    name: 'long worker SIGSTOP',
    weight: 1,
    on: 'worker',
    lasts: [11_000, 16_000],
    strike: async ({ worker }) => stopWorker(worker),
  },
  {
    name: 'Temporal server SIGKILL',
    weight: 2,
    on: 'server',
    lasts: [0, 2000],
    strike: async ({ stage }) => {
      await stage.killServer();
      return () => stage.startServer();
    },
  },
  ...controls,
];

async function cutOpen(host: StageHost, how: 'reset' | 'strand'): Promise<Undo | undefined> {
  if (host.proxy.open() === 0) return undefined;
  host.proxy[how]();
  return nothing;
}

async function proxyMode(
  host: StageHost,
  mode: 'blackhole' | 'delay' | 'truncate',
  options: { delayMs?: number; truncateBytes?: number } = {},
): Promise<Undo> {
  host.proxy.setMode(mode, options);
  return async () => host.proxy.setMode('pass');
}

/** A setting applies to new connections, so open ones are cut. The first of two settings wins. */
async function sshdSetting(host: StageHost, setting: string): Promise<Undo> {
  const config = '/etc/sandbox/sshd_config';
  await restartSshd(host, `sed -i '1i ${setting}' ${config}`);
  return () => restartSshd(host, `sed -i '/^${setting}$/d' ${config}`);
}

async function restartSshd(host: StageHost, edit: string): Promise<void> {
  await host.run(edit);
  await sandboxSshd(host.sandbox, 'stop', { dropConnections: true });
  await sandboxSshd(host.sandbox, 'start');
}

async function endWorker(worker: WorkerSlot, signal: NodeJS.Signals, next: Build): Promise<Undo | undefined> {
  if (worker.pid() === undefined) return undefined;
  worker.signal(signal);
  return async () => {
    await worker.gone();
    await worker.start(next);
  };
}

async function stopWorker(worker: WorkerSlot): Promise<Undo | undefined> {
  if (worker.pid() === undefined) return undefined;
  worker.signal('SIGSTOP');
  return async () => worker.signal('SIGCONT');
}
