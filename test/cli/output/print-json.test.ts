import { expect, test } from 'vitest';
import { jsonLine } from '../../../src/cli/output/print-json.ts';
import { UNFIT } from '../../support/hostile.ts';

test('JSON drives no terminal, and parses to the same value', () => {
  const text = 'a\u001b[2J\u009b31m\u0085\u007f\u202eb\u2066 é ⚠';
  const line = jsonLine({ error: { message: text, code: 'failed', exitCode: 1 } });
  expect(line).not.toMatch(UNFIT);
  expect(line).toContain(' é ⚠');
  expect(JSON.parse(line)).toEqual({ error: { message: text, code: 'failed', exitCode: 1 } });
});
