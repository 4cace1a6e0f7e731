import type { HostFacts } from './host-facts.ts';
import { Host, type HostOptions } from './host.ts';
import { probeHost } from './probe.ts';

/**
 * Probes a host, makes its state directory and installs the host programs. Safe to repeat.
 *
 * @throws ChandlerError as {@link probeHost}
 */
export async function openHost(
  options: Omit<HostOptions, 'facts'> & { stateDir?: string; signal?: AbortSignal },
): Promise<{ host: Host; facts: HostFacts }> {
  const { facts, missingPrograms } = await probeHost(options.executor, options.programs, options);
  const host = new Host({ ...options, facts });
  if (missingPrograms) await host.installPrograms();
  return { host, facts };
}
