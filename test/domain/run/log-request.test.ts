import { expect, test } from 'vitest';
import { refuseLogRequest } from '../../../src/domain/run/log-request.ts';

const request = {
  host: { facts: { stateDir: '/s', zmxDir: '/z' } },
  launch: { id: '0123456789abcdef0123', step: 'a', kind: 'step', attempt: 1 },
  offset: 0,
  maxBytes: 1000,
  followS: 0,
  secrets: { TOKEN: 'file:token' },
};

test.each([
  ['from its beginning', {}],
  ['from its end', { offset: -32_768 }],
  ['by lines', { start: { tailLines: 5 } }],
  ['by time', { start: { sinceS: -60 } }],
  ['as it grows', { followS: 5 }],
])('a log can be read %s', (_how, more) => {
  expect(refuseLogRequest({ ...request, ...more })).toBeUndefined();
});

test.each([
  [{ offset: 0.5 }, 'offset must be a whole number'],
  [{ offset: '0' }, 'offset must be a whole number'],
  [{ maxBytes: 0 }, 'maxBytes must be 1 to 262144'],
  [{ followS: -1 }, 'followS must be 0 to 3600'],
])('%j is refused: %s', (more, reason) => {
  expect(refuseLogRequest({ ...request, ...more })).toBe(reason);
});
