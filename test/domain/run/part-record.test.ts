import { describe, expect, it } from 'vitest';
import type { ResolvedStep } from '../../../src/domain/plan/resolve-plan.ts';
import {
  isUnchanged,
  partDigest,
  recordsName,
  type PartRecord,
} from '../../../src/domain/run/part-record.ts';

describe('the name of the records of a plan', () => {
  it.each([
    ['web', 'web'],
    ['Web-1.2_x', 'Web-1.2_x'],
    [undefined, 'unnamed'],
  ])('of %s is %s', (name, expected) => expect(recordsName(name)).toBe(expected));

  it.each(['..', '.hidden', 'a/b', 'a b', '-rf', '', 'x'.repeat(41), 'ü', '=00000000000000000000'])(
    'is a hash for %j, which is not a plain file name',
    (name) => expect(recordsName(name)).toMatch(/^=[0-9a-f]{20}$/),
  );
});

describe('the digest of a part', () => {
  const step: ResolvedStep = {
    name: 'a',
    script: 's',
    finalize: 'f',
    check: 'c',
    needs: ['x'],
    timeoutMs: 1,
    retry: { attempts: 1, backoffMs: 1 },
    env: { A: '1', B: '2' },
    secrets: { S: 'env:S' },
    always: false,
  };
  const of = (changes: Partial<ResolvedStep>, kind: 'step' | 'finalizer' = 'step') =>
    partDigest({ ...step, ...changes }, kind);

  it.each<Partial<ResolvedStep>>([
    { check: 'd' },
    { timeoutMs: 9, retry: { attempts: 3, backoffMs: 3 } },
    { needs: [] },
    { always: true },
    { env: { B: '2', A: '1' } },
  ])('does not change with %j', (changes) => {
    expect(of(changes)).toBe(of({}));
    expect(of(changes, 'finalizer')).toBe(of({}, 'finalizer'));
  });

  it.each<Partial<ResolvedStep>>([{ env: { A: '1', B: '3' } }, { secrets: { S: 'env:T' } }, { secrets: {} }])(
    'changes with %j',
    (changes) => {
      expect(of(changes)).not.toBe(of({}));
      expect(of(changes, 'finalizer')).not.toBe(of({}, 'finalizer'));
    },
  );

  it('of a step and of its finalizer change each with its own script only', () => {
    expect(of({ script: 't' })).not.toBe(of({}));
    expect(of({ script: 't' }, 'finalizer')).toBe(of({}, 'finalizer'));
    expect(of({ finalize: 'g' })).toBe(of({}));
    expect(of({ finalize: 'g' }, 'finalizer')).not.toBe(of({}, 'finalizer'));
  });
});

describe('a recorded part', () => {
  const record: PartRecord = { digest: 'd', launch: 'l', needs: ['x', 'y'], isDone: true };

  it.each<[what: string, record: PartRecord, digest: string, needs: string[], expected: boolean]>([
    ['as it was', record, 'd', ['x', 'y'], true],
    ['that needs less', record, 'd', ['y'], true],
    ['that was not done', { ...record, isDone: false }, 'd', ['x', 'y'], false],
    ['with another digest', record, 'e', ['x', 'y'], false],
    ['one of whose needs ran since', record, 'd', ['x', 'z'], false],
    ['that needs more', record, 'd', ['x', 'y', 'z'], false],
  ])('%s is judged correctly', (_, recorded, digest, needs, expected) => {
    expect(isUnchanged(recorded, digest, needs)).toBe(expected);
  });
});
