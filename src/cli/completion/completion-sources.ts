import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../../client.ts';
import { OPEN_QUERY } from '../../domain/run/execution-status.ts';
import type { CliContext } from '../context.ts';
import type { Group } from '../manual.ts';
import { withClient } from '../server/with-client.ts';
import type { ServerOptions } from '../server/server-options.ts';
import { describeRunInfo } from '../output/render-runs.ts';
import { ofId } from '../server/visibility-query.ts';
import { sandboxDir } from '../local/state-dirs.ts';
import type { Candidate, Completion, Line, Sources } from './complete.ts';

/** How long a person who pressed Tab waits for others. The time to load this program comes on top. */
const WITHIN_MS = 5000;
const MAX_RUNS = 200;
/** The group of commands that only work on open runs. */
const ACTING: Group = 'Act on runs:';
const NOTHING: Completion = { candidates: [], files: false };
const FILES: Completion = { candidates: [], files: true };

/** Names in the usage that stand for a file or directory on this machine. */
const FILE_NAMES: readonly string[] = ['file', 'dir', 'path'];

/** Creates sources that ask this machine and the server. A source that fails or is late offers nothing. */
export function createSources(context: CliContext): Sources {
  const client = async (line: Line, work: (client: ChandlerClient) => Promise<Candidate[]>) => {
    await import('../../client.ts');
    return quickly(() => withClient(serverOf(line), context, work));
  };
  return {
    async valuesOf(name, line) {
      if (FILE_NAMES.includes(name)) return FILES;
      if (name.split('|').includes('plan')) return { ...(await quickly(listPresets)), files: true };
      if (name === 'id' && line.command.parent?.name() === 'schedule')
        return line.command.registeredArguments[0]?.name() === 'id' ? client(line, listSchedules) : NOTHING;
      const isOfRun = line.command.registeredArguments.some((argument) => argument.name() === 'id');
      // The `--id` of `up` names a new run, so existing ids are not offered.
      if (name === 'id' && (isOfRun || line.command.name() === 'clean'))
        return client(line, (found) => listIds(found, line));
      if (name === 'step') {
        const [id] = line.given;
        return id === undefined ? NOTHING : client(line, (found) => listSteps(found, id));
      }
      if (name === 'run-id') {
        const [id] = line.given;
        return id === undefined ? NOTHING : client(line, (found) => listRunIds(found, id));
      }
      if (name === 'name' && line.command.parent?.name() === 'sandbox')
        return quickly(() => listHosts(context));
      return NOTHING;
    },
  };
}

async function quickly(ask: () => Promise<Candidate[]>): Promise<Completion> {
  const candidates = await Promise.race([ask(), delay(WITHIN_MS, [])]).catch(() => []);
  return { candidates, files: false };
}

async function listIds(client: ChandlerClient, { command, given }: Line): Promise<Candidate[]> {
  const query = command.helpGroup() === ACTING ? OPEN_QUERY : '';
  const runs = await client.list({ query, limit: MAX_RUNS });
  return runs
    .filter(({ id }) => !given.includes(id))
    .map(({ id, plan, phase, status, attention }) => {
      const state = attention ? 'needs attention' : phase || status.toLowerCase();
      return { value: id, about: [state, plan].filter((word) => word !== '').join(', ') };
    });
}

/** A run that follows a self-provisioning host must be asked, which needs a worker; for others the server knows the steps. */
async function listSteps(client: ChandlerClient, id: string): Promise<Candidate[]> {
  const { steps = (await client.status(id)).steps.map(({ name }) => name) } = await client.describe(id);
  return steps.map((value) => ({ value, about: '' }));
}

async function listRunIds(client: ChandlerClient, id: string): Promise<Candidate[]> {
  const runs = await client.list({ query: ofId(id), limit: MAX_RUNS });
  return runs.map((run) => ({ value: run.runId, about: describeRunInfo(run) }));
}

async function listSchedules(client: ChandlerClient): Promise<Candidate[]> {
  const schedules = await client.driftSchedules.list();
  return schedules.map(({ id, times, paused }) => ({
    value: id,
    about: paused ? `paused, ${times}` : times,
  }));
}

async function listPresets(): Promise<Candidate[]> {
  const { presets } = await import('../../library/presets.ts');
  return presets.names.map((name) => ({ value: `preset:${name}`, about: 'a ready-made plan' }));
}

async function listHosts(context: CliContext): Promise<Candidate[]> {
  const { sandboxList } = await import('../../dev/sandbox/index.ts');
  const hosts = await sandboxList({ dir: sandboxDir(context) });
  return hosts.map(({ name, running }) => ({ value: name, about: running ? 'running' : 'stopped' }));
}

function serverOf({ options }: Line): ServerOptions {
  const { '--address': address, '--namespace': namespace } = options;
  return { ...(address !== undefined && { address }), ...(namespace !== undefined && { namespace }) };
}
