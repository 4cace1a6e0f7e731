import type { Plan, Target } from '../src/domain/plan/schema.ts';
import type { LoginCase } from './cases.ts';
import { LEDGER } from './stage.ts';

/** A line that a part wrote to the ledger on the host. */
export interface LedgerEntry {
  readonly part: string;
  readonly event: 'start' | 'end';
}

const printed = (step: string) => stepLog(step).trimEnd().split('\n');

/** Two steps, one after the other, and a finalizer. They use only builtins of bash. */
export function loginPlan(login: LoginCase, target: Target): Plan {
  const note = (part: string, event: string) => `printf '%s\\n' '${part} ${event}' >>${LEDGER}/${login.user}`;
  const script = (part: string, lines: readonly string[]) =>
    [note(part, 'start'), ...lines.map((line) => `printf '%s\\n' '${line}'`), note(part, 'end'), ''].join(
      '\n',
    );
  return {
    name: login.user,
    target,
    onStepFailure: login.onStepFailure,
    keepSessions: 'none',
    steps: [
      { name: 'a', script: script('step a', printed('a')), finalize: script('finalizer a', []) },
      // With -p bash ignores functions and options that the login exports.
      { name: 'b', needs: ['a'], script: `#!/bin/bash -p\n${script('step b', printed('b'))}` },
    ],
  };
}

/** The complete output of a step. */
export function stepLog(step: string): string {
  return `${step} begins\n${step} ends\n`;
}

/** @throws Error for a line that no part writes */
export function parseLedger(text: string): LedgerEntry[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [, part, event] = /^((?:step|finalizer) \w) (start|end)$/.exec(line) ?? [];
      if (part === undefined) throw new Error(`not a line of the ledger: ${line}`);
      return { part, event: event as LedgerEntry['event'] };
    });
}
