import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** Resolves a name once for all connections that ask for it at the same time. */
export const sharedLookup: LookupFunction = (name, options, callback) => {
  const key = JSON.stringify([name, options]);
  const waiting = callbacks.get(key);
  if (waiting) return void waiting.push(callback);
  callbacks.set(key, [callback]);
  lookup(name, options, (...answer) => {
    const all = callbacks.get(key) ?? [];
    callbacks.delete(key);
    for (const each of all) each(...answer);
  });
};

const callbacks = new Map<string, Parameters<LookupFunction>[2][]>();
