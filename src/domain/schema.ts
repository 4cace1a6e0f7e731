import { z } from 'zod';
import { isDuration } from './duration.ts';
import { refuseVariable } from './variables.ts';

/** Sizes in bytes. Together they stay far under the engine's 2 MB for one payload. */
export const limits = {
  scriptBytes: 256 * 1024,
  planBytes: 1024 * 1024,
  steps: 64,
  stepNameLength: 40,
  labels: 20,
} as const;

const bytes = (text: string) => new TextEncoder().encode(text).length;
const text = (maxBytes: number) =>
  z
    .string()
    .refine((value) => !value.includes('\0'), 'must not hold a NUL byte')
    .refine((value) => bytes(value) <= maxBytes, {
      error: (issue) => `is ${bytes(String(issue.input))} bytes; at most ${maxBytes} are allowed`,
    });
const script = text(limits.scriptBytes).refine((value) => value.trim() !== '', 'must not be empty');
const line = text(4096)
  .min(1)
  .refine((value) => !/\p{Cc}/u.test(value), 'must be one line, without control characters');
const DURATION = 'must be a duration such as 90s, 5m or 24h, or milliseconds; at least 1 ms, at most 365d';
const duration = z
  .union(
    [z.number().int().positive().refine(isDuration, DURATION), z.string().refine(isDuration, DURATION)],
    {
      error: DURATION,
    },
  )
  .describe('A duration such as 90s, 5m or 24h; a number counts milliseconds.');
const absolutePath = line.refine((value) => value.startsWith('/'), 'must be an absolute path');
const variable = z.string().refine((name) => refuseVariable(name) === undefined, {
  error: (issue) => refuseVariable(String(issue.input)),
});

/** A step's name is also the name of a zmx session, a file and a table row. */
export const stepName = z
  .string()
  .min(1)
  .max(limits.stepNameLength)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/,
    'may hold letters, digits, and . _ - only, and must begin with a letter, a digit or _',
  )
  .refine((name) => !/\.\d+$/.test(name), 'must not end in a dot and a number: that is how retries are named')
  .refine((name) => name !== 'logs', 'is reserved: zmx keeps its logs there');

const host = line
  .max(253)
  .refine(
    (value) => /^[A-Za-z0-9_]([A-Za-z0-9_.:%-]*)$/.test(value) || /^::[0-9a-fA-F:.]*$/.test(value),
    'must be a host name or an IP address',
  )
  .describe('A name or an address, as the worker reaches it.');
const port = z.number().int().min(1).max(65535).describe('Default 22.');
const user = line
  .max(64)
  .refine((value) => !value.startsWith('-'), 'must not begin with a dash')
  .describe('Who logs in. Default root.');
const identity = line.describe(
  'Names a private key in a directory that the worker allows (CHANDLER_IDENTITIES), or `agent` for its ssh-agent.',
);
const HOST_KEY = 'must be known_hosts, accept-new or a fingerprint SHA256:…';
const hostKey = z
  .union(
    [z.enum(['known_hosts', 'accept-new']), z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, HOST_KEY)],
    { error: HOST_KEY },
  )
  .describe(
    "How the host proves itself: the worker's known_hosts (default), a pinned fingerprint, or accept-new.",
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
  jump: z.strictObject(hop).optional().describe('A host to go through.'),
  become: z
    .enum(['sudo'])
    .optional()
    .describe('Do everything as root, through sudo without a password. Default: as the login user.'),
  connectTimeout: duration.optional().describe('How long to keep trying to reach the host. Default 5m.'),
});

export const stepSchema = z.strictObject({
  name: stepName.describe('Also the name of its zmx session.'),
  script: script.describe('Run by bash, or by the interpreter its #! line names, in a terminal of its own.'),
  finalize: script.optional().describe('Run after every step has succeeded.'),
  needs: z.array(z.string()).optional().describe('Steps that must have succeeded before this one starts.'),
  timeout: duration.optional().describe('Default 1h.'),
  retry: z
    .strictObject({ attempts: z.number().int().min(1).max(100).optional(), backoff: duration.optional() })
    .optional()
    .describe('Tries in all (default 1) and the pause between them (default 1s).'),
  env: z
    .record(variable, text(64 * 1024))
    .optional()
    .describe('Environment variables, for script, finalize and check.'),
  secrets: z
    .record(
      variable,
      z.string().regex(/^(env|file):[A-Za-z0-9_][A-Za-z0-9_./-]*$/, 'must be env:NAME or file:NAME'),
    )
    .optional()
    .describe('Environment variables whose values the worker looks up: env:NAME or file:NAME.'),
  check: script.optional().describe('If it exits 0, the step is already satisfied and does not run.'),
});

export const zmxSchema = z.strictObject({
  source: z
    .enum(['release', 'file', 'tmux'])
    .optional()
    .describe(
      'release (default): an archive, verified; file: a binary of the worker; tmux: a shim over tmux.',
    ),
  version: z
    .string()
    .regex(/^\d+\.\d+\.\d+$/, 'must be a version such as 0.7.0')
    .optional()
    .describe('The version to install where there is none that is new enough.'),
  url: z
    .string()
    .regex(/^https?:\/\/\S+$/, 'must be an http or https address')
    .optional()
    .describe('Of an archive elsewhere, a mirror say.'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
    .optional()
    .describe('Of the archive, unless it is one whose checksum is built in.'),
  file: line.optional().describe("The name of a binary in the worker's zmx directory (CHANDLER_ZMX_DIR)."),
});

const label = z
  .string()
  .regex(
    /^[A-Za-z0-9]([A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?$/,
    'must be 1 to 63 letters, digits, and . _ - / between them',
  );
const fleet = line
  .max(200)
  .describe('What the host is part of: `chandler watch --fleet`, search attribute ChandlerFleet.');
const labels = z
  .record(label, line.max(180))
  .refine((value) => Object.keys(value).length <= limits.labels, `must hold at most ${limits.labels} entries`)
  .describe('What else to find the run by: search attribute ChandlerLabels, each as `key=value`.');

export const planSchema = z.strictObject({
  $schema: z.string().optional(),
  name: line.max(200).optional().describe('What people call the plan.'),
  fleet: fleet.optional(),
  labels: labels.optional(),
  target: targetSchema,
  steps: z.array(stepSchema).min(1, 'must hold at least one step').max(limits.steps),
  zmx: zmxSchema.optional(),
  bootstrap: z
    .strictObject({ marker: absolutePath, timeout: duration.optional() })
    .optional()
    .describe('A file to wait for before anything is done. Default timeout 15m.'),
  sentinel: z
    .strictObject({
      path: absolutePath.optional().describe('Default: provisioned in the state directory.'),
      whenPresent: z
        .enum(['skip-if-same-plan', 'skip', 'ignore'])
        .optional()
        .describe('When a host counts as provisioned already. Default skip-if-same-plan.'),
    })
    .optional()
    .describe('The file that is written once everything is done.'),
  onStepFailure: z
    .enum(['park', 'fail', 'continue'])
    .optional()
    .describe(
      'park (default): wait for a person; fail: end the others; continue: do what can be done, then fail.',
    ),
  parkTimeout: duration.optional().describe('How long a parked run waits for a person. Default 24h.'),
  keepSessions: z
    .enum(['failed', 'all', 'none'])
    .optional()
    .describe('Which sessions stay open to look around in. Default failed.'),
  pruneAfterDays: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Launches older than this are forgotten. Default 30.'),
});

/** What follows a host that provisions itself is told. */
export const watchSchema = z.strictObject({
  target: targetSchema,
  sentinel: z.strictObject({ path: absolutePath }).optional().describe('Default: that of the host.'),
  timeout: duration.optional().describe('How long the host may take. Default 24h.'),
  parkTimeout: duration.optional().describe('How long a failed host waits for a person. Default 24h.'),
  fleet: fleet.optional(),
  labels: labels.optional(),
});

/** Which host that provisions itself to follow, and for how long. */
export type WatchInput = z.input<typeof watchSchema>;
/**
 * What to do on a host, as YAML, JSON or an object. schema/plan.schema.json (`chandler/plan.schema.json`) is the same as JSON
 * Schema, the table "Plan" of the README has the defaults. At most 1 MiB as JSON, 64 steps, 256 KiB a script.
 */
export type Plan = z.input<typeof planSchema>;
/**
 * A step: a script that runs in a session of its name.
 *
 * Go: `Step`, with `Name`, `Script` and `Finalize`. The finalizer runs after every step is done, not in a session, as there,
 * but it is tracked, logged and can be retried.
 */
export type Step = z.input<typeof stepSchema>;
/** The host of a plan, and how to reach it. Identities are names that the worker looks up, never keys. */
export type Target = z.input<typeof targetSchema>;
