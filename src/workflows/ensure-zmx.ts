import { askForRun } from './ask-host.ts';
import { activity } from './proxies.ts';
import { hostOf, type Run } from './run.ts';

const PATIENCE_MS = 30 * 60_000;

/** Makes sure that the host has zmx, and shows in the status how to attach with it. */
export async function ensureZmx(run: Run): Promise<void> {
  const host = hostOf(run);
  const wanted = { host, zmx: run.plan.zmx };
  const zmx = await askForRun(run, 'install zmx', PATIENCE_MS, (options) =>
    activity.installZmx('install zmx', wanted, options),
  );
  run.host = { ...host, zmx };
  showAttach(run, zmx.path);
}

/** Shows the command to type on the host, with `NAME` for the session. Like `attachHint`, it never creates a session. */
export function showAttach(run: Run, zmxPath: string): void {
  const { target, facts } = hostOf(run);
  const call = `${target.become === undefined ? '' : `${target.become} `}env ZMX_DIR=${facts.zmxDir} ${zmxPath}`;
  run.status.zmxPath = zmxPath;
  run.status.attach = `${call} list --short | grep -qxF NAME && ${call} attach NAME`;
}
