import { expect, test } from 'vitest';
import { didYouMean, nearNames } from '../../../src/domain/text/near-names.ts';

const ids = ['provision:web1:22', 'provision:web2:22', 'provision:db:22', 'watch:web1:22'];

test.each<[string, string[]]>([
  ['web1', ['watch:web1:22', 'provision:web1:22']],
  ['provison:web1:22', ['provision:web1:22', 'provision:web2:22', 'provision:db:22']],
  ['PROVISION:DB:22', ['provision:db:22']],
  ['x', []],
  ['', []],
  ['something else', []],
])('%s suggests %j', (wanted, near) => {
  expect(nearNames(wanted, ids)).toEqual(near);
});

test.each<[string, string | undefined]>([
  ['migrat', 'did you mean migrate?'],
  ['froce', 'did you mean force?'],
  ['retrystep', 'did you mean retryStep?'],
  ['xyz', undefined],
])('the mistyped %s suggests: %s', (wanted, answer) => {
  expect(didYouMean(wanted, ['migrate', 'force', 'retryStep'])).toBe(answer);
});
