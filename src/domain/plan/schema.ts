import * as z from 'zod';
import { fileSchema } from './file-schema.ts';
import { limits } from './limits.ts';
import {
  absolutePath,
  bytes,
  duration,
  line,
  optional,
  secretReference,
  sha256Text,
  text,
  variable,
} from './schema-texts.ts';

const script = text(limits.scriptBytes).regex(/\S/, 'must not be empty');

/** The value of an environment variable. */
export const valueSchema = text(64 * 1024);

/** Also the name of a zmx session, a file and a table row. */
export const stepName = z
  .string()
  .min(1)
  .max(limits.stepNameLength)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/,
    'may hold letters, digits, and . _ - only, and must begin with a letter, a digit or _',
  )
  .regex(
    /^(.*[^.\d])?\d*$|\D$/,
    'must not end in a dot and a number: sessions of later attempts are named like that',
  )
  .refine((name) => name !== 'logs', 'is reserved: zmx keeps its logs there')
  .meta({ not: { const: 'logs' } });

const host = line
  .max(253)
  .regex(/^([A-Za-z0-9_][A-Za-z0-9_.:%-]*|::[0-9a-fA-F:.]*)$/, 'must be a host name or an IP address')
  .describe('Name or address of the host, as the worker reaches it.');
const port = z.number().int().min(1).max(65535).describe('SSH port. Default 22.');
const user = line
  .max(64)
  .regex(/^([^-]|$)/, 'must not begin with a dash')
  .describe('Login user. Default root.');
const identity = line.describe(
  "The name of a private key in the worker's CHANDLER_IDENTITIES, or `agent` for its ssh-agent. Default the agent, then id_ed25519, id_ecdsa, id_rsa.",
);
const HOST_KEY = 'must be known_hosts, accept-new or a fingerprint SHA256:…';
const hostKey = z
  .union(
    [z.enum(['known_hosts', 'accept-new']), z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, HOST_KEY)],
    { error: HOST_KEY },
  )
  .describe(
    "How to verify the host: by the worker's `known_hosts`, by a pinned fingerprint `SHA256:…`, or by `accept-new`, which trusts the first key that the host shows on this path, if the worker allows it. Default known_hosts.",
  );
const hop = {
  host,
  port: port.optional(),
  user: user.optional(),
  identity: identity.optional(),
  hostKey: hostKey.optional(),
};

export const targetSchema = z.strictObject({
  ...hop,
  jump: optional(
    z.array(z.strictObject(hop)).max(limits.jumpHosts),
    'The jump hosts on the way, from the first to the last; each takes the same keys. Default none.',
  ),
  become: optional(
    z.enum(['sudo']),
    '`sudo` does everything as root, through sudo without a password. Default the login user.',
  ),
  connectTimeout: optional(duration, 'How long to try to reach the host. Default 5m.'),
});

export const stepSchema = z.strictObject({
  name: stepName.describe('The name of the step and of its terminal session.'),
  script: optional(
    script,
    'The script, run in its own terminal by bash or by the interpreter that its `#!` line names. A failed command fails the step only after `set -e`. Only a step with `files` can do without.',
  ),
  files: optional(
    z.array(fileSchema).max(limits.files),
    'Files that are placed on the host before the script runs, all or none.',
  ),
  finalize: optional(
    script,
    'The finalizer: a script that runs after every step is done. Finalizers run one after another, in step order.',
  ),
  needs: optional(
    z.array(z.string()),
    'Steps that must be done before this one starts. Default none: all steps start at once.',
  ),
  timeout: optional(
    duration,
    'How long an attempt may take; after that it is killed and counts as failed. Default 1h.',
  ),
  retry: optional(
    z.strictObject({
      attempts: optional(z.number().int().min(1).max(100), 'How many attempts there are in all. Default 1.'),
      backoff: optional(duration, 'The pause between two attempts. Default 1s.'),
    }),
    'Whether a failed step is retried without an operator.',
  ),
  env: optional(
    z.record(variable, valueSchema),
    'Environment variables of script, finalize and check. They override those of the plan.',
  ),
  secrets: optional(
    z.record(variable, secretReference),
    'Environment variables whose values the worker looks up: `env:NAME` or `file:NAME`. Values and lines shorter than 4 characters are not masked.',
  ),
  check: optional(
    script,
    'A script that tests whether the step needs to run: if it exits with 0, the step is satisfied and does not run. It has one minute.',
  ),
  always: optional(
    z.boolean(),
    'Whether each run runs the step and its finalizer, also unchanged. Default false.',
  ),
  reboot: optional(
    z.union([z.literal(true), z.literal('allowed')], { error: 'must be true or allowed' }),
    'The script reboots the host (`true`) or may do so (`allowed`): the step is done once the host has come back with another boot id, all within its timeout. It runs while no other step does. Without this, a reboot fails the steps that it cuts short.',
  ),
  once: optional(
    z.boolean(),
    'Whether only one host of a fleet runs the step and its finalizer; the other hosts wait for it. Default false.',
  ),
});

export const zmxSchema = z.strictObject({
  source: optional(
    z.enum(['release', 'file', 'tmux']),
    'Where zmx comes from: `release` is a verified upstream archive, `file` a binary of the worker, `tmux` a shim on the tmux of the host. Default release.',
  ),
  version: optional(
    z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a version such as 0.7.0'),
    'The version to install if the host has none that is new enough.',
  ),
  url: optional(
    z.string().regex(/^https?:\/\/\S+$/, 'must be an http or https address'),
    'The address of an archive elsewhere, such as a mirror.',
  ),
  sha256: optional(sha256Text, 'The checksum of the archive, unless it is built in.'),
  file: optional(line, "The name of a binary in the worker's CHANDLER_ZMX_DIR."),
});

const label = z
  .string()
  .regex(
    /^[A-Za-z0-9]([A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?$/,
    'must be 1 to 63 letters, digits, and . _ - / between them',
  );
const fleet = line
  .max(200)
  .describe(
    'The fleet of the host, to find the run by: `chandler watch --fleet`, search attribute ChandlerFleet.',
  );
export const labelsSchema = z
  .record(label, line.max(180))
  .refine((value) => Object.keys(value).length <= limits.labels, `must hold at most ${limits.labels} entries`)
  .refine(
    (value) =>
      bytes(JSON.stringify(Object.entries(value).map((pair) => pair.join('=')))) <= limits.labelsBytes,
    `must be at most ${limits.labelsBytes} bytes together`,
  )
  .describe('Labels to find the run by: search attribute ChandlerLabels, each as `key=value`.');

/** Paths of files, or `preset:NAME`. */
export const includeSchema = z.array(line);

/** A file that a plan includes. Steps and values are validated with the plan. */
export const includedSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.unknown().optional(),
  env: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.unknown()).optional(),
  include: includeSchema.optional(),
  steps: z.array(z.unknown()).optional(),
});

export const planSchema = z.strictObject({
  $schema: z.string().optional(),
  name: optional(
    line.max(200),
    'The name of the plan. The host records under it which steps are done; plans without a name share the name `unnamed`.',
  ),
  fleet: fleet.optional(),
  labels: labelsSchema.optional(),
  target: targetSchema,
  env: optional(
    z.record(variable, valueSchema),
    'Environment variables of every step: script, finalize and check. A variable of the step itself wins; `--env-file` and `--set` win over both.',
  ),
  required: optional(
    z.array(variable),
    'Environment variables that must have a value in `env`, from `--env-file` or from `--set`. An empty text is a value.',
  ),
  include: optional(
    includeSchema,
    'Files whose steps come before those of this plan, with `env` and `required`. Paths are relative to this file; `preset:NAME` is a ready-made plan. Only the command line reads them.',
  ),
  steps: z.array(stepSchema).min(1, 'must hold at least one step').max(limits.steps),
  zmx: optional(zmxSchema, 'The terminal multiplexer that runs the sessions.'),
  bootstrap: optional(
    z
      .strictObject({
        login: optional(
          z.enum(['wait']),
          '`wait` tries again, within `target.connectTimeout`, while the host refuses the login or sudo, because a new host answers before its users and keys are there. Default: such a run fails at once.',
        ),
        cloudInit: optional(
          z.boolean(),
          'Whether to wait until cloud-init is done. Its errors fail the run, those that it recovered from are notes of the status. Default false.',
        ),
        marker: optional(absolutePath, 'A file to wait for, which the host writes when it has booted.'),
        packages: optional(
          z.boolean(),
          'Whether to wait until no program holds the lock of the package manager (dpkg, apt, rpm). Default false.',
        ),
        timeout: optional(
          duration,
          'How long to wait for cloud-init, the marker and the package manager together. Default 15m.',
        ),
      })
      .refine(
        ({ login, cloudInit, marker, packages }) => login || cloudInit || marker !== undefined || packages,
        'must name what to wait for: login, cloudInit, marker or packages',
      ),
    'What a new host must have done before the first step starts.',
  ),
  sentinel: optional(
    z.strictObject({
      path: optional(absolutePath, 'The path of the sentinel. Default `provisioned` in the state directory.'),
      whenPresent: optional(
        z.enum(['skip-if-same-plan', 'skip', 'ignore']),
        'What a run does on a host that has a sentinel: `skip-if-same-plan`, `skip` or `ignore` it. Default skip-if-same-plan.',
      ),
    }),
    'The file that marks the host as provisioned, written last and read back.',
  ),
  onStepFailure: optional(
    z.enum(['park', 'fail', 'continue']),
    'What happens when a step has failed its last attempt: `park` waits for an operator, `fail` ends the other steps, `continue` does what can be done and then fails. Default park.',
  ),
  onLeftovers: optional(
    z.enum(['refuse', 'end']),
    'What happens to steps of other work that an earlier run left running: `refuse` fails the run, `end` ends them. Default refuse.',
  ),
  parkTimeout: optional(
    duration,
    'How long a parked run waits for an operator, and how long a run waits for a host that does not answer once the time of a step is up. Default 24h.',
  ),
  keepSessions: optional(
    z.enum(['failed', 'all', 'none']),
    'Which sessions stay open after their step: those of `failed` steps, `all` or `none`. Default failed.',
  ),
  pruneAfterDays: optional(
    z.number().int().min(1),
    'Age at which launches are removed from the host, except for the latest one of each step. Default 30.',
  ),
  run: optional(
    z.strictObject({
      force: optional(
        z.boolean(),
        'Runs steps and finalizers that are unchanged, too, as on a new host; with `only` or `from`, just those that they name. Checks still decide. Default false.',
      ),
      only: optional(
        z.array(z.string()).min(1).max(limits.steps),
        'Runs only these steps, and what they need that is not done. Default: all steps.',
      ),
      from: optional(
        z.string(),
        'Runs only this step and those after it in the plan, and what they need that is not done.',
      ),
    }),
    'What this run does differently. Not part of what the plan does to a host.',
  ),
});

/** The input of the workflow `watchProvisioning`. */
export const watchSchema = z.strictObject({
  target: targetSchema,
  sentinel: optional(
    z.strictObject({ path: absolutePath }),
    'The path of the sentinel. Default: that of the script.',
  ),
  timeout: optional(duration, 'How long the host may take. Default 24h.'),
  parkTimeout: optional(duration, 'How long a failed host waits for an operator. Default 24h.'),
  fleet: fleet.optional(),
  labels: labelsSchema.optional(),
});

/** The self-provisioning host to follow, and for how long. */
export type WatchInput = z.input<typeof watchSchema>;
/**
 * What to do on a host. `chandler/plan.schema.json` has the same as JSON Schema. At most 1 MiB as JSON, 64 steps, and 256 KiB for
 * each script.
 */
export type Plan = z.input<typeof planSchema>;
/** A script that runs in its own terminal session. */
export type Step = z.input<typeof stepSchema>;
/** A file that a step places on its host. */
export type StepFile = z.input<typeof fileSchema>;
/** The host of a plan, and how to reach it. Identities are names that the worker looks up, never keys. */
export type Target = z.input<typeof targetSchema>;
