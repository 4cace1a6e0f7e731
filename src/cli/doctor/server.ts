import { setTimeout as delay } from 'node:timers/promises';
import type { ChandlerClient } from '../../client.ts';
import { formatDuration } from '../../domain/duration.ts';
import { reasonOf } from '../../domain/failure.ts';
import type { Finding } from '../../domain/finding.ts';
import { searchAttributes } from '../../domain/search-attributes.ts';
import { oneLine } from '../../domain/terminal.ts';
import { quote } from '../../shell/index.ts';
import type { Engine } from '../engine.ts';
import { GRPC, grpcCode } from '../errors.ts';
import { judgeAttributes, missingAttributes, typeNumber, type KnownAttributes } from './attributes.ts';
import { judgeEncodings } from './codec.ts';
import type { Deployment, Poller } from './workers.ts';

const ANSWER_MS = 5000;
/** How often, and how many times, a server is asked for what was just made. */
const LOOK_AGAIN = { times: 20, everyMs: 250 } as const;
const DAY_S = 86_400;
type Service = ChandlerClient['temporal']['workflowService'];
type QueueType = NonNullable<Parameters<Service['describeTaskQueue']>[0]['taskQueueType']>;
/** temporal.api.enums.v1.TaskQueueType */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the SDK exports no values of it
const QUEUE = { workflow: 1 as QueueType, activity: 2 as QueueType };
const RUNS = "WorkflowType IN ('provision', 'watchProvisioning')";

/** Asks one server, with a bound on every question. */
export class ServerQuestions {
  readonly #client: ChandlerClient;
  readonly #engine: Engine;
  /** The Temporal CLI as it would reach the same server. */
  readonly cli: string;

  constructor(client: ChandlerClient, engine: Engine) {
    this.#client = client;
    this.#engine = engine;
    this.cli = `temporal --address ${quote(engine.address)} --namespace ${quote(engine.namespace)}`;
  }

  async version(): Promise<string> {
    const { serverVersion } = await this.#ask((service) => service.getSystemInfo({}));
    return serverVersion;
  }

  async namespace(): Promise<Finding> {
    const { namespace } = this.#engine;
    const about = { id: 'namespace', looked: oneLine(namespace) };
    try {
      const { config } = await this.#ask((service) => service.describeNamespace({ namespace }));
      const { seconds } = config?.workflowExecutionRetentionTtl ?? {};
      return judgeRetention(about, Number(seconds ?? 0), this.cli);
    } catch (error) {
      if (grpcCode(error) !== GRPC.notFound) throw error;
      const mend = `${this.cli} operator namespace create --retention 72h`;
      return { ...about, verdict: 'problem', says: 'there is no such namespace', mend };
    }
  }

  /** Looks for our search attributes, and with `fix` creates those that are missing. */
  async attributes(fix: boolean): Promise<Finding[]> {
    const known = await this.#knownAttributes();
    const missing = missingAttributes(known);
    if (!fix || missing.length === 0) return judgeAttributes(known, this.cli);
    const wanted = missing.map((name): [string, number] => [name, typeNumber(searchAttributes[name])]);
    const { namespace } = this.#engine;
    try {
      const service = this.#client.temporal.connection.operatorService;
      await this.#inTime(() =>
        service.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(wanted) }),
      );
    } catch (error) {
      return judgeAttributes(known, this.cli, { refusal: oneLine(reasonOf(error)) });
    }
    let now = await this.#knownAttributes();
    for (let i = 0; i < LOOK_AGAIN.times && missingAttributes(now).length > 0; i += 1) {
      await delay(LOOK_AGAIN.everyMs);
      now = await this.#knownAttributes();
    }
    return judgeAttributes(now, this.cli, { fixed: missing });
  }

  /** Who has polled the task queue within the last minutes. */
  async pollers(): Promise<Poller[]> {
    const [workflows, activities] = await Promise.all([
      this.#pollersOf(QUEUE.workflow),
      this.#pollersOf(QUEUE.activity),
    ]);
    const identities = [...new Set([...workflows.keys(), ...activities.keys()])].sort();
    return identities.map((identity) => {
      const build = workflows.get(identity) ?? activities.get(identity);
      return {
        identity,
        workflows: workflows.has(identity),
        activities: activities.has(identity),
        ...(build && { build }),
      };
    });
  }

  async deployments(pollers: readonly Poller[]): Promise<Deployment[]> {
    const { namespace } = this.#engine;
    const names = [...new Set(pollers.flatMap(({ build }) => build?.deployment ?? []))];
    return Promise.all(
      names.map(async (name) => {
        const { workerDeploymentInfo } = await this.#ask((service) =>
          service.describeWorkerDeployment({ namespace, deploymentName: name }),
        );
        const current = workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId;
        return { name, ...(current && { current }) };
      }),
    );
  }

  /** Whether what runs say of themselves can be read here. */
  async encodings(): Promise<Finding> {
    const { namespace } = this.#engine;
    const { executions } = await this.#ask((service) =>
      service.listWorkflowExecutions({ namespace, pageSize: 1, query: RUNS }),
    );
    const [newest] = executions;
    const workflowId = newest?.execution?.workflowId;
    if (!workflowId)
      return { id: 'codec', looked: 'runs of this namespace', verdict: 'ok', says: 'there are none yet' };
    const payloads = Object.values(newest?.memo?.fields ?? {});
    const encodings = payloads.map(({ metadata }) =>
      Buffer.from(metadata?.['encoding'] ?? []).toString('utf8'),
    );
    return judgeEncodings(workflowId, encodings, this.cli);
  }

  async #knownAttributes(): Promise<KnownAttributes> {
    const { namespace } = this.#engine;
    const service = this.#client.temporal.connection.operatorService;
    const { customAttributes } = await this.#inTime(() => service.listSearchAttributes({ namespace }));
    return customAttributes;
  }

  async #pollersOf(taskQueueType: QueueType): Promise<Map<string, Poller['build']>> {
    const { namespace, taskQueue } = this.#engine;
    const { pollers } = await this.#ask((service) =>
      service.describeTaskQueue({ namespace, taskQueue: { name: taskQueue }, taskQueueType }),
    );
    return new Map(
      pollers.map(({ identity, deploymentOptions }) => {
        const { deploymentName, buildId } = deploymentOptions ?? {};
        return [
          identity ?? '',
          deploymentName && buildId ? { deployment: deploymentName, id: buildId } : undefined,
        ];
      }),
    );
  }

  #ask<T>(question: (service: Service) => Promise<T>): Promise<T> {
    return this.#inTime(() => question(this.#client.temporal.workflowService));
  }

  #inTime<T>(work: () => Promise<T>): Promise<T> {
    return this.#client.temporal.withDeadline(Date.now() + ANSWER_MS, work);
  }
}

/** Judges how long a namespace keeps runs that are over. */
export function judgeRetention(
  about: Pick<Finding, 'id' | 'looked'>,
  retentionS: number,
  cli: string,
): Finding {
  const kept = `keeps runs that are over for ${formatDuration(retentionS * 1000)}`;
  if (retentionS >= DAY_S) return { ...about, verdict: 'ok', says: kept };
  const says = `${kept}: after that nobody can ask what happened`;
  return { ...about, verdict: 'warning', says, mend: `${cli} operator namespace update --retention 72h` };
}
