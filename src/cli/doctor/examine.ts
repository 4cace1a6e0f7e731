import { loadConfig, type WorkerConfig } from '../../config/config.ts';
import { inspectNode, inspectPlaces } from '../../config/inspect-places.ts';
import { ChandlerError } from '../../domain/failure.ts';
import type { Finding } from '../../domain/finding.ts';
import { addressOf } from '../../domain/ids.ts';
import type { Target } from '../../domain/schema.ts';
import { oneLine } from '../../domain/terminal.ts';
import type { CliContext } from '../context.ts';
import { copyable, locateEngine, type EngineOptions } from '../engine.ts';
import { examineServer } from './examine-server.ts';
import { fixKeys } from './fix-keys.ts';
import { judgeHost } from './host.ts';
import { judgeClock, type Section } from './report.ts';

export interface ExamineOptions extends EngineOptions {
  /** Mends what can be mended safely. */
  readonly fix?: boolean;
}

/** What was found, and whether no server answered. */
export interface Examined {
  readonly sections: Section[];
  readonly unreachable: boolean;
}

/** Looks at everything that a run needs. */
export async function examine(
  context: CliContext,
  target: Target | undefined,
  options: ExamineOptions,
): Promise<Examined> {
  let config: WorkerConfig;
  try {
    config = loadConfig(context.env);
  } catch (error) {
    if (!(error instanceof ChandlerError)) throw error;
    // Without settings nothing else is known.
    const says = oneLine(error.message);
    const settings: Finding = { id: 'settings', looked: 'environment', verdict: 'problem', says };
    const findings = [inspectNode(process.versions.node), settings];
    return { sections: [{ about: 'here', name: '', findings }], unreachable: false };
  }
  const engine = await locateEngine(options, context);
  const server = await examineServer(context, engine, target, options);
  const { inspection } = server;
  const places = inspection?.worker.findings ?? (await inspectPlaces(config.places, context.env));
  const mended = options.fix ? await fixKeys(places) : [...places];
  const sections: Section[] = [
    inspection
      ? { about: 'here', name: '', findings: [inspectNode(process.versions.node)] }
      : { about: 'here', name: 'as a worker that is started here would find it', findings: mended },
    { about: 'server', name: engine.address, findings: server.findings },
  ];
  if (inspection) {
    const { identity, aheadMs } = inspection.worker;
    const clock = judgeClock({ id: 'worker-clock', looked: "the worker's clock" }, aheadMs, "the server's");
    sections.push({ about: 'worker', name: identity, findings: [...mended, clock] });
  }
  if (target) {
    sections.push({
      about: 'host',
      name: addressOf(target),
      findings: inspection?.host ? judgeHost(target, inspection.host) : [hostUnseen(context, options)],
    });
  }
  return { sections, unreachable: server.unreachable };
}

function hostUnseen(context: CliContext, options: EngineOptions): Finding {
  const says = 'a host is looked at through a worker, and none answers';
  const mend = copyable(context, options, 'worker');
  return { id: 'host-reach', looked: 'the host', verdict: 'skipped', says, mend };
}
