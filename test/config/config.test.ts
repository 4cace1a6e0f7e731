import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import type { ChandlerError } from '../../src/domain/run/failure.ts';

const ssh = join(homedir(), '.ssh');
const defaults = {
  temporal: { address: undefined, namespace: 'default', taskQueue: 'chandler', credentials: {} },
  places: {
    identityDirs: [ssh],
    agentSocket: undefined,
    knownHostsFiles: [join(ssh, 'known_hosts')],
    acceptNew: true,
    secretsDir: undefined,
    secretsPrefix: 'CHANDLER_SECRET_',
    zmxDir: undefined,
    zmxUrls: ['https://zmx.sh/a/', 'https://github.com/neurosnap/zmx/releases/download/'],
  },
  zmx: {},
  versioning: undefined,
  notify: {
    events: [
      'parked',
      'waiting',
      'failed',
      'provisioned',
      'incomplete',
      'drifted',
      'unchecked',
      'fleet-attention',
      'fleet-over',
    ],
  },
  uiUrl: undefined,
  logLevel: 'info',
  slots: { waits: 2000, shortActivities: 500, by: 'number' },
  shutdownGraceMs: 2000,
};

describe('loadConfig', () => {
  it('requires no variable', () => {
    expect(loadConfig({})).toEqual(defaults);
  });

  it('reads every variable', () => {
    const env = {
      TEMPORAL_ADDRESS: '127.0.0.1:7233',
      TEMPORAL_NAMESPACE: 'ops',
      CHANDLER_TASK_QUEUE: 'q',
      CHANDLER_IDENTITIES: '/keys::/more',
      CHANDLER_KNOWN_HOSTS: '/kh',
      CHANDLER_ALLOW_ACCEPT_NEW: 'false',
      CHANDLER_SECRETS_DIR: '/secrets',
      CHANDLER_SECRETS_PREFIX: 'S_',
      CHANDLER_ZMX_SOURCE: 'release',
      CHANDLER_ZMX_VERSION: '0.7.0',
      CHANDLER_ZMX_URL: 'https://example.com/zmx',
      CHANDLER_ZMX_SHA256: 'ab',
      CHANDLER_ZMX_FILE: 'zmx',
      CHANDLER_ZMX_DIR: '/zmx',
      CHANDLER_ZMX_URLS: 'https://mirror.example/zmx/, http://127.0.0.1:8000/',
      CHANDLER_DEPLOYMENT_NAME: 'chandler',
      CHANDLER_BUILD_ID: '2026-11-23',
      CHANDLER_VERSIONING_BEHAVIOR: 'AUTO_UPGRADE',
      CHANDLER_NOTIFY_COMMAND: 'page-somebody',
      CHANDLER_NOTIFY_URL: 'https://hooks.example/x',
      CHANDLER_NOTIFY_AUTHORIZATION: 'Bearer x',
      CHANDLER_NOTIFY_EVENTS: 'parked, failed',
      CHANDLER_UI_URL: 'https://temporal.example/',
      CHANDLER_LOG_LEVEL: 'debug',
      CHANDLER_MAX_WAITS: '4',
      CHANDLER_MAX_SHORT_ACTIVITIES: '8',
      CHANDLER_SLOTS: 'resources',
      CHANDLER_SHUTDOWN_GRACE_MS: '250',
      SSH_AUTH_SOCK: '/agent',
      HOME: '/ignored',
    };
    expect(loadConfig(env)).toEqual({
      temporal: { address: '127.0.0.1:7233', namespace: 'ops', taskQueue: 'q', credentials: {} },
      places: {
        identityDirs: ['/keys', '/more'],
        agentSocket: '/agent',
        knownHostsFiles: ['/kh'],
        acceptNew: false,
        secretsDir: '/secrets',
        secretsPrefix: 'S_',
        zmxDir: '/zmx',
        zmxUrls: ['https://mirror.example/zmx/', 'http://127.0.0.1:8000/'],
      },
      zmx: { source: 'release', version: '0.7.0', url: 'https://example.com/zmx', sha256: 'ab', file: 'zmx' },
      versioning: { deploymentName: 'chandler', buildId: '2026-11-23', behavior: 'AUTO_UPGRADE' },
      notify: {
        command: 'page-somebody',
        url: 'https://hooks.example/x',
        authorization: 'Bearer x',
        events: ['parked', 'failed'],
      },
      uiUrl: 'https://temporal.example',
      logLevel: 'debug',
      slots: { waits: 4, shortActivities: 8, by: 'resources' },
      shutdownGraceMs: 250,
    });
  });

  it('reaches the server like the Temporal CLI: API key, TLS and headers from variables or a profile', () => {
    const temporalOf = (env: Record<string, string>) => loadConfig(env).temporal;
    expect(temporalOf({ TEMPORAL_API_KEY: 'key', TEMPORAL_GRPC_META_X_TEAM: 'ops' })).toMatchObject({
      credentials: { apiKey: 'key', tls: true, metadata: { 'x-team': 'ops' } },
    });
    expect(temporalOf({ TEMPORAL_TLS_SERVER_NAME: 'engine', TEMPORAL_TLS: 'true' })).toMatchObject({
      credentials: { tls: { serverNameOverride: 'engine' } },
    });
    const file = join(mkdtempSync(join(tmpdir(), 'chandler-config-')), 'temporal.toml');
    writeFileSync(file, '[profile.prod]\naddress = "cloud:7233"\nnamespace = "n"\napi_key = "k"\n');
    expect(temporalOf({ TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'prod' })).toMatchObject({
      address: 'cloud:7233',
      namespace: 'n',
      credentials: { apiKey: 'k', tls: true },
    });
    expect(() => temporalOf({ TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'none' })).toThrow(
      /^invalid Temporal settings: .*none/,
    );
    rmSync(dirname(file), { recursive: true });
  });

  it('treats an empty variable as not set', () => {
    const names = [
      'TEMPORAL_ADDRESS',
      'CHANDLER_SECRETS_PREFIX',
      'CHANDLER_ZMX_SOURCE',
      'CHANDLER_SHUTDOWN_GRACE_MS',
    ];
    expect(loadConfig(Object.fromEntries([...names, 'SSH_AUTH_SOCK'].map((name) => [name, ''])))).toEqual(
      defaults,
    );
  });

  test.each([
    ['CHANDLER_ZMX_SOURCE', 'apt-hunter2', 'must be one of release, file, tmux'],
    ['CHANDLER_LOG_LEVEL', 'loud-hunter2', 'must be one of trace, debug, info, warn, error, silent'],
    ['CHANDLER_NOTIFY_URL', 'ftp://hunter2', 'must be an http or https address'],
    ['CHANDLER_UI_URL', 'http://hunter2:x', 'must be an http or https address'],
    ['CHANDLER_MAX_WAITS', '0', 'must be at least 1'],
    ['CHANDLER_MAX_SHORT_ACTIVITIES', 'many', 'must be a number'],
    ['CHANDLER_SHUTDOWN_GRACE_MS', 'hunter2', 'must be a number'],
    ['CHANDLER_SHUTDOWN_GRACE_MS', '1.5', 'must be a whole number'],
    ['CHANDLER_SHUTDOWN_GRACE_MS', '-1', 'must be at least 0'],
  ])('refuses %s=%s and shows no value', (name, value, message) => {
    expect(() => loadConfig({ [name]: value })).toThrow(
      expect.objectContaining({
        code: 'invalid-input',
        message: `the environment is not valid: ${name} ${message}`,
        facts: { problems: [{ path: name, message }] },
      }) as ChandlerError,
    );
  });

  it('pins runs to their build by default, and needs deployment and build', () => {
    const env = { CHANDLER_DEPLOYMENT_NAME: 'd', CHANDLER_BUILD_ID: 'b' };
    expect(loadConfig(env).versioning?.behavior).toBe('PINNED');
    expect(() => loadConfig({ CHANDLER_BUILD_ID: 'b' })).toThrow(/CHANDLER_DEPLOYMENT_NAME and .* set both/);
  });

  it('reports every invalid variable at once', () => {
    expect(() => loadConfig({ CHANDLER_ZMX_SOURCE: 'x', CHANDLER_LOG_LEVEL: 'y' })).toThrow(
      /CHANDLER_ZMX_SOURCE must .*; CHANDLER_LOG_LEVEL must /,
    );
  });
});
