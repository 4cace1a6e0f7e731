import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codecEndpointFinding } from '../../../src/cli/doctor/codec-findings.ts';

describe('the codec server of the settings', () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${String(request.headers['x-namespace'])}`);
    response.statusCode = request.headers.authorization === 'Bearer x' ? 200 : 401;
    response.end('{"payloads":[]}');
  });
  let url: string;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it('is not asked if none is set', async () => {
    expect(await codecEndpointFinding({}, 'n')).toBeUndefined();
    expect(await codecEndpointFinding({ TEMPORAL_CODEC_ENDPOINT: '' }, 'n')).toBeUndefined();
  });

  it.each<[what: string, endpoint: () => string, auth: string, verdict: string]>([
    ['that lets us in', () => `${url}/{namespace}/`, 'Bearer x', 'ok'],
    ['that does not', () => url, '', 'problem'],
    ['that does not answer', () => 'http://127.0.0.1:1', '', 'problem'],
    ['that is no address', () => 'nonsense', '', 'problem'],
  ])('%s', async (_, endpoint, auth, verdict) => {
    const env = { TEMPORAL_CODEC_ENDPOINT: endpoint(), TEMPORAL_CODEC_AUTH: auth };
    expect(await codecEndpointFinding(env, 'a b')).toMatchObject({ id: 'codec-endpoint', verdict });
  });

  it('is asked to decode nothing, for the namespace', () => {
    expect(asked[0]).toBe('POST /a%20b/decode a b');
  });
});
