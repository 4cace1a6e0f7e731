import { validateAction } from '@action-validator/core';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('the GitHub Action fits the schema of action metadata, and the check finds a violation', () => {
  const text = readFileSync(new URL('../../action/action.yml', import.meta.url), 'utf8');
  expect(validateAction(text)).toEqual({ actionType: 'action', errors: [] });
  expect(validateAction(text.replace('using: composite', 'using: composit')).errors).not.toEqual([]);
});
