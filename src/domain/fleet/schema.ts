import * as z from 'zod';
import { labelsSchema, targetSchema, valueSchema } from '../plan/schema.ts';
import { duration, line, optional, text, variable } from '../plan/schema-texts.ts';
import { isAmount } from './amount.ts';
import { fleetLimits } from './limits.ts';

const AMOUNT = 'must be a number of hosts, or a share such as 20%';
const amount = z.union([z.number(), z.string()], { error: AMOUNT }).refine(isAmount, AMOUNT);
const waveSize = amount.refine((value) => value !== 0, 'must be at least 1');

/** A host of a fleet, and how it differs from the plan. */
export const fleetHostSchema = z.strictObject({
  name: line.max(253).describe('The name of the host. It is also its address, unless `target.host` is set.'),
  target: optional(targetSchema.partial(), 'Keys that override those of the target of the plan.'),
  env: optional(
    z.record(variable, valueSchema),
    'Values that override the `env` of the plan and of its steps.',
  ),
  labels: labelsSchema.optional(),
});

const WAVES = 'must be a list such as [1, 5, 20%], or {label: NAME}';
const waves = z.union([z.array(waveSize).min(1).max(100), z.strictObject({ label: line.max(63) })], {
  error: WAVES,
});

const PAUSE = 'must be {} to wait for promote, a duration, or {check: SCRIPT}';
const pause = z.union(
  [
    duration,
    z.strictObject({
      check: optional(
        text(256 * 1024),
        'A script that runs on a finished host of the wave until it exits with 0.',
      ),
      timeout: optional(duration, 'How long the check may take until it succeeds. Default 10m.'),
    }),
  ],
  { error: PAUSE },
);

const shape = {
  $schema: z.string().optional(),
  name: line
    .max(200)
    .describe('The name of the fleet: its workflow is `fleet:NAME`, and its runs have it as ChandlerFleet.'),
  plan: z
    .record(z.string(), z.unknown())
    .describe('A plan. Its target may lack what every host sets, such as `host`.'),
  waves: optional(
    waves,
    'How many hosts each wave has, as numbers or shares of the fleet; the last one repeats. `{label: NAME}` makes a wave of each value of a label, the smallest first. Default one wave.',
  ),
  pause: optional(
    pause,
    'What to wait for between two waves: a duration, `{}` for the action promote, or `{check: SCRIPT}`. Default nothing.',
  ),
  concurrency: optional(
    z.number().int().min(1).max(fleetLimits.concurrency),
    'How many hosts run at the same time. Default 20.',
  ),
  slowStart: optional(
    z.union([duration, z.literal(0)], { error: 'must be a duration, or 0' }),
    'The time within which each wave begins to use its whole concurrency. 0: at once. Default 2s.',
  ),
  maxFailures: optional(
    amount,
    'How many hosts may fail. With one more nothing new starts, and the fleet needs attention. Default 0.',
  ),
  maxWaveFailures: optional(amount, 'How many hosts of a wave may fail. Default as many as of the fleet.'),
  parkGrace: optional(
    duration,
    'How long a host may need attention before it counts as failed; until then it keeps its place in `concurrency`. Default at once.',
  ),
  order: optional(
    z.enum(['inventory', 'sorted', 'reverse', 'shuffle']),
    'The order of the hosts: as given, by name, as given from the last to the first, or random. Default inventory.',
  ),
  seed: optional(z.number().int().min(0).max(0xffffffff), 'Makes a shuffle repeatable. Default random.'),
};

const HOSTS = 'The hosts: a name, or a mapping with a name.';

/** The input of the workflow `provisionFleet`. */
export const fleetSchema = z.strictObject({
  ...shape,
  hosts: z
    .array(z.union([line.max(253), fleetHostSchema]))
    .min(1)
    .max(fleetLimits.hosts)
    .describe(HOSTS),
});

/** Like {@link fleetSchema}, for hosts that are all mappings: problems then name the key. */
export const fullFleetSchema = z.strictObject({
  ...shape,
  hosts: z.array(fleetHostSchema).min(1).max(fleetLimits.hosts),
});

/** A plan, the hosts that get it, and how it reaches them. At most 1,200,000 bytes as JSON. */
export type FleetInput = z.input<typeof fleetSchema>;
/** A host of a fleet, and how it differs from the plan. */
export type FleetHost = z.input<typeof fleetHostSchema>;
