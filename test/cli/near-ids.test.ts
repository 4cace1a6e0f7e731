import { expect, test } from 'vitest';
import { nearIds } from '../../src/cli/near-ids.ts';

const ids = ['provision:web1:22', 'provision:web2:22', 'provision:db:22', 'watch:web1:22'];

test.each<[string, string[]]>([
  ['web1', ['watch:web1:22', 'provision:web1:22']],
  ['provison:web1:22', ['provision:web1:22', 'provision:web2:22', 'provision:db:22']],
  ['PROVISION:DB:22', ['provision:db:22']],
  ['x', []],
  ['something else', []],
])('for %s, %j may be meant', (wanted, near) => {
  expect(nearIds(wanted, ids)).toEqual(near);
});
