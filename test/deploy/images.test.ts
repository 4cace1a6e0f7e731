import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly cap_drop?: string[];
  readonly cap_add?: string[];
  readonly privileged?: boolean;
  readonly security_opt?: string[];
  readonly read_only?: boolean;
  readonly environment?: Record<string, string>;
  readonly ports?: string[];
  readonly volumes?: string[];
}

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const BY_DIGEST = /^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/;

describe.each(['Dockerfile', 'src/dev/sandbox/Dockerfile'])('%s', (path) => {
  it('D10: pins every base image by its digest', () => {
    const images = [...read(path).matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    expect(images.length).toBeGreaterThan(0);
    for (const image of images) expect(image).toMatch(BY_DIGEST);
  });
});

it('D10: the worker image installs what the lock file names and runs as its own user', () => {
  const dockerfile = read('Dockerfile');
  expect(dockerfile).toContain('RUN npm ci\n');
  expect(dockerfile).not.toMatch(/npm (install|i)\b/);
  expect(dockerfile).toMatch(/^USER 10001:10001$/m);
  expect(dockerfile).toMatch(/^HEALTHCHECK /m);
});

it('the lock file lists the optional packages of every platform, as npm ci requires', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`${path}/node_modules/${name}` in packages) && !(`node_modules/${name}` in packages),
    ),
  );
  expect(missing).toEqual([]);
});

describe('D10: docker-compose.yml', () => {
  const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
    services: Record<string, Service>;
  };

  it.each(Object.entries(services))(
    '%s has no capabilities, no default password and no public port',
    (name, service) => {
      if (service.build === undefined) expect(service.image).toMatch(BY_DIGEST);
      expect(service).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      expect([service.cap_add, service.privileged]).toEqual([undefined, undefined]);
      // The image of the UI writes its configuration into its root file system.
      expect(service.read_only).toBe(name === 'ui' ? undefined : true);
      for (const [variable, value] of Object.entries(service.environment ?? {}))
        if (/PASSWORD|PWD/.test(variable)) expect(value).toMatch(/^\$\{POSTGRES_PASSWORD:\?.+\}$/);
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
      for (const volume of service.volumes ?? []) expect(volume).toMatch(/^(\.\/\S+:ro|postgresql:\S+)$/);
    },
  );

  it('mounts keys and secrets read-only in the worker', () => {
    expect(services['worker']?.volumes).toEqual(['./keys:/keys:ro', './secrets:/secrets:ro']);
    expect(services['worker']?.environment).toMatchObject({ CHANDLER_ALLOW_ACCEPT_NEW: 'false' });
  });
});
