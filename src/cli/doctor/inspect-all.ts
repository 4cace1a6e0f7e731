import { loadConfig, type WorkerConfig } from '../../config/config.ts';
import { inspectNode, inspectPlaces } from '../../inspect/inspect-places.ts';
import { ChandlerError } from '../../domain/run/failure.ts';
import { verdictsOn, type Finding } from '../../domain/run/finding.ts';
import type { Plan } from '../../domain/plan/schema.ts';
import type { Inspection } from '../../workflows/index.ts';
import { addressOf } from '../../domain/run/ids.ts';
import { oneLine } from '../../domain/text/plain-text.ts';
import type { CliContext } from '../context.ts';
import { copyable, type ServerOptions } from '../server/server-options.ts';
import { locateServer } from '../server/locate-server.ts';
import { inspectServer, type InspectSubject } from './inspect-server.ts';
import { fixKeys } from './fix-keys.ts';
import { hostFindings } from './host-findings.ts';
import { clockFinding, type Section } from './sections.ts';

export interface InspectOptions extends ServerOptions {
  readonly fix?: boolean;
}

export interface Inspected {
  readonly sections: Section[];
  readonly unreachable: boolean;
}

export async function inspectAll(
  context: CliContext,
  subject: InspectSubject,
  options: InspectOptions,
): Promise<Inspected> {
  const { plan, target = plan?.target } = subject;
  let config: WorkerConfig;
  try {
    config = loadConfig(context.env);
  } catch (error) {
    if (!(error instanceof ChandlerError)) throw error;
    // Without settings nothing else is known.
    const settings = verdictsOn('settings', 'environment').problem(oneLine(error.message));
    const findings = [inspectNode(process.versions.node), settings];
    return { sections: [{ about: 'here', name: '', findings }], unreachable: false };
  }
  const server = await locateServer(options, context);
  const found = await inspectServer(context, server, subject, options);
  const { inspection } = found;
  const places = inspection?.worker.findings ?? (await inspectPlaces(config.places, context.env));
  const fixed = options.fix ? await fixKeys(places) : [...places];
  const sections: Section[] = [
    inspection
      ? { about: 'here', name: '', findings: [inspectNode(process.versions.node)] }
      : { about: 'here', name: 'as a worker that is started here would find it', findings: fixed },
    { about: 'server', name: server.address, findings: found.findings },
  ];
  if (inspection) {
    const { identity, aheadMs } = inspection.worker;
    const clock = clockFinding(verdictsOn('worker-clock', "the worker's clock"), aheadMs, "the server's");
    sections.push({
      about: 'worker',
      name: identity,
      findings: [...fixed, clock, ...planFindings(plan, inspection)],
    });
  }
  if (target) {
    sections.push({
      about: 'host',
      name: addressOf(target),
      findings: inspection?.host ? hostFindings(target, inspection.host) : [hostUnseen(context, options)],
    });
  }
  return { sections, unreachable: found.unreachable };
}

function hostUnseen(context: CliContext, options: ServerOptions): Finding {
  const { skipped } = verdictsOn('host-reach', 'the host');
  return skipped(
    'only a worker can inspect the host, and none answers',
    copyable(context, options, 'worker'),
  );
}

/** Whether the worker can provide what a plan names: identities, the zmx file, secrets. No findings without a plan. */
function planFindings(plan: Plan | undefined, { worker }: Pick<Inspection, 'worker'>): Finding[] {
  if (!plan) return [];
  const id = 'plan-needs';
  if (worker.lacks.length === 0)
    return [verdictsOn(id, 'what the plan names').ok('the worker has all of it')];
  return worker.lacks.map(({ path, failure: { message, code, advice } }) =>
    verdictsOn(id, oneLine(path)).problem(`${oneLine(message)} (${code})`, oneLine(advice)),
  );
}
