import { cutBytes, MAX_DETAILS_BYTES, MAX_SUMMARY_BYTES, type Description } from '../run/description.ts';
import { count } from '../text/count.ts';
import { code, prose } from '../text/markdown.ts';
import { exampleFleetInput, fleetActionNames, fleetActions } from './fleet-actions.ts';
import type { FleetInput } from './schema.ts';

/** Describes the rollout of a fleet. `name` is its name, quoted for a shell. */
export function describeFleetInput(input: FleetInput, name: string): Description {
  const plan = typeof input.plan['name'] === 'string' ? input.plan['name'] : 'a plan without a name';
  const hosts = count(input.hosts.length, 'host');
  const parts = [
    `Rolls **${prose(plan)}** out to ${hosts}: fleet **${prose(input.name)}**.`,
    '**To act:** More Actions → Send a Signal, or Send an Update, which answers with the reason if it is refused:',
    fleetActionNames
      .map((each) => `- ${code(each)} ${code(exampleFleetInput(each))}: ${fleetActions[each].summary}`)
      .join('\n'),
    '**In a terminal:**',
    ['watch', 'status', 'hosts', 'report']
      .map((word) => `- ${code(`chandler fleet ${word} ${name}`)}`)
      .join('\n'),
  ];
  return {
    summary: cutBytes(`roll out ${prose(plan)} to ${hosts}: fleet ${prose(input.name)}`, MAX_SUMMARY_BYTES),
    details: cutBytes(parts.join('\n\n'), MAX_DETAILS_BYTES),
  };
}
