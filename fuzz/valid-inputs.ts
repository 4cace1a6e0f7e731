// What clients send to workflows, with every key that has a meaning.

/** The step of the runs that messages are sent to; it fails and parks. */
export const PARKED_STEP = 'parks';
/** Stands for the name of a host in messages to a fleet. */
export const HOST_NAME = 'fleet-host';

const step = {
  name: 'a',
  script: 'true',
  finalize: 'true',
  needs: [],
  timeout: '1h',
  retry: { attempts: 2, backoff: 1 },
  env: { A: 'b' },
  secrets: { S: 'env:S' },
  check: 'false',
  files: [
    { path: '/f/a', mode: '0644', owner: 'u:g', content: 'eA==', encoding: 'base64' },
    { path: '/f/b', secret: 'env:S' },
    { path: '/f/c', from: 'worker:f', sha256: '0'.repeat(64) },
    { path: '/f/d', url: 'https://x/y', sha256: '0'.repeat(64) },
    { path: '/f/e', content: '${A}', expand: true },
  ],
  always: true,
  reboot: 'allowed',
  once: true,
};
export const target = {
  host: 'h',
  port: 22,
  user: 'u',
  identity: 'id',
  hostKey: 'accept-new',
  jump: [{ host: 'j', port: 22, user: 'u', identity: 'id', hostKey: 'known_hosts' }],
  become: 'sudo',
  connectTimeout: '1s',
};
export const plan = {
  name: 'n',
  fleet: 'f',
  labels: { a: 'b' },
  target,
  env: { A: 'b' },
  required: ['A'],
  include: [],
  steps: [step, { name: 'b', script: 'true', needs: ['a'] }],
  run: { force: true, only: ['a', 'b'] },
  zmx: { source: 'release', version: '0.7.0', url: 'https://x/y', sha256: '0'.repeat(64), file: 'f' },
  bootstrap: { login: 'wait', cloudInit: true, marker: '/m', packages: true, timeout: '1s' },
  sentinel: { path: '/p', whenPresent: 'skip' },
  onStepFailure: 'fail',
  onLeftovers: 'refuse',
  parkTimeout: '1h',
  keepSessions: 'all',
  pruneAfterDays: 1,
};
/** A valid plan with the largest allowed texts that are shown, indexed or reported. */
const largest = {
  ...plan,
  name: '\u{1f6a2}'.repeat(100),
  fleet: '船'.repeat(200),
  labels: Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`k${i}`.padEnd(15, 'x'), '船'.repeat(26)]),
  ),
  target: { ...target, host: 'h'.repeat(253), user: '船'.repeat(64) },
  steps: Array.from({ length: 64 }, (_, i) => ({
    name: `${i}x`.padStart(40, 's'),
    script: 'x'.repeat(5000),
  })),
  run: { from: '0x'.padStart(40, 's') },
};
const launch = { id: '0123456789abcdef0123', step: 'a', kind: 'step', attempt: 1 };
const facts = { arch: 'x', os: 'o', uid: 0, bootId: 'b', stateDir: '/s', zmxDir: '/z', tools: [] };
const log = {
  host: { target, facts },
  launch,
  offset: 0,
  start: { tailLines: 3 },
  maxBytes: 10,
  followS: 0,
  secrets: {},
};
const notification = {
  notification: {
    id: 'i',
    event: 'failed',
    text: 't',
    namespace: 'default',
    workflowId: 'w',
    runId: 'r',
    host: 'h',
    plan: 'p',
    at: '',
  },
  channels: ['url'],
};
export const snapshot = {
  status: { steps: [] },
  searchAttributes: [],
  host: { target, facts },
  owner: 'o',
  decisions: [],
  scripts: [],
  tries: [],
  live: [],
  launched: [],
};
const watch = {
  target,
  sentinel: { path: '/p' },
  timeout: '1s',
  parkTimeout: '1s',
  fleet: 'f',
  labels: { a: 'b' },
};

const fleet = {
  name: 'n',
  plan: { ...plan, target: { ...target, host: undefined }, run: { force: true } },
  hosts: ['h1', { name: 'h2', target: { port: 22 }, env: { A: 'c' }, labels: { zone: 'z' } }],
  waves: [1, '50%'],
  pause: { check: 'true', timeout: '1s' },
  concurrency: 2,
  slowStart: 0,
  maxFailures: '50%',
  maxWaveFailures: 1,
  parkGrace: '1s',
  order: 'shuffle',
  seed: 1,
};
/** A valid fleet with the largest allowed texts. */
const largestFleet = {
  ...fleet,
  name: '船'.repeat(200),
  waves: { label: 'zone' },
  hosts: Array.from({ length: 20 }, (_, i) => ({ name: `${i}h`.padEnd(253, 'x'), labels: { zone: `${i}` } })),
};

/** Valid inputs of every workflow. */
export const inputs: Readonly<Record<string, readonly unknown[]>> = {
  provision: [plan, largest],
  provisionFleet: [fleet, largestFleet],
  watchProvisioning: [watch, { ...watch, target: largest.target, labels: largest.labels }],
  readStepLog: [log],
  inspectHost: [{ target }, { plan }, { plan: largest }, { countExecs: true, target: largest.target }],
  checkDrift: [{ plan }, { plan: largest, notify: false }],
  cleanHost: [{ target, run: 'r' }, { target: largest.target }],
  sendNotification: [notification],
};
export const message = {
  step: PARKED_STEP,
  reason: 'r',
  requestId: 'i',
  script: 'true',
  env: { A: 'b' },
  resetDownstream: false,
  force: false,
  by: '1s',
};
export const fleetMessage = {
  concurrency: 1,
  maxFailures: 1,
  maxWaveFailures: '10%',
  hosts: [HOST_NAME],
  which: 'failed',
  step: PARKED_STEP,
  running: 'finish',
  reason: 'r',
  requestId: 'i',
};
export const report = {
  workflowId: `provision:${HOST_NAME}:22`,
  firstRunId: '01234567-89ab-4cde-8f01-23456789abcd',
  kind: 'parked',
  failure: { code: 'step-failed', message: 'm', step: PARKED_STEP },
};
export const hostsQuery = { states: ['failed', 'parked'], offset: 0, limit: 10 };
