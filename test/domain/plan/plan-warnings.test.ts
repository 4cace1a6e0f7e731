import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { planWarnings } from '../../../src/domain/plan/plan-warnings.ts';
import type { Plan, Step } from '../../../src/domain/plan/schema.ts';
import { presets } from '../../../src/library/index.ts';

const warningsOf = (step: Partial<Step>) =>
  planWarnings({ steps: [{ name: 'a', script: 'true', ...step }] }).map(({ path, scriptLine, message }) => [
    path,
    scriptLine,
    message,
  ]);
const kinds = { cr: /CR LF/, background: /in the background/, lost: /the failure is lost/ };

describe('a warning', () => {
  it.each<[what: string, kind: keyof typeof kinds, line: number, script: string]>([
    ['a line end of CR LF', 'cr', 1, 'set -e\r\ntrue\r\n'],
    ['CR LF in a later line', 'cr', 2, 'set -e\ntrue\r\n'],
    ['CR LF after the interpreter', 'cr', 1, '#!/usr/bin/env python3\r\nprint()\r\n'],
    ['a command in the background at the end', 'background', 2, 'set -e\nserver &'],
    ['the same before a comment', 'background', 2, 'set -e\nserver & # for ever\n\n# end\n'],
    ['the same before exit 0', 'background', 1, 'server --port 80 &\nexit 0'],
    ['a group in the background', 'background', 1, '(server; cleanup) &'],
    ['a first command whose failure is lost', 'lost', 1, 'apt-get update\napt-get install -y nginx'],
    ['the same on one line', 'lost', 1, 'false; echo ok'],
    ['the same after harmless commands', 'lost', 4, '#!/bin/sh\n# comment\necho begin\nmake\necho end'],
    ['the same in a pipeline', 'lost', 1, 'curl x | tar x\necho ok'],
    ['an assignment whose substitution fails', 'lost', 1, 'version=$(curl x)\necho "$version"'],
    ['set -u alone', 'lost', 2, 'set -u\nmake\necho ok'],
  ])('C10: is reported for %s', (_, kind, line, script) => {
    expect(warningsOf({ script })).toEqual([['steps[0].script', line, expect.stringMatching(kinds[kind])]]);
  });

  it.each([
    ['one command', 'apt-get update'],
    ['a list', 'apt-get update && apt-get install -y nginx'],
    ['a list over several lines', 'apt-get update &&\n  apt-get install -y nginx\n'],
    ['set -e', 'set -e\nmake\necho ok'],
    ['set -eu', 'set -eu\nmake\necho ok'],
    ['set -x -e', 'set -x -e\nmake\necho ok'],
    ['set -Eeuo pipefail', 'set -Eeuo pipefail\nmake\necho ok'],
    ['set -o errexit', 'set -o errexit\nmake\necho ok'],
    ['an interpreter with -e', '#!/bin/bash -eu\nmake\necho ok'],
    ['a trap for errors', "trap 'exit 1' ERR\nmake\necho ok"],
    ['an exit code that is looked at', 'make\nif [ $? -ne 0 ]; then exit 1; fi\necho ok'],
    ['alternatives', 'make || exit 1\nmake install || exit 1\necho ok'],
    ['conditions', 'if ! make; then exit 1; fi\nwhile false; do :; done\necho ok'],
    ['commands that hardly fail', 'X=1 Y="a b"\nexport X\necho "$Y"\nsleep 6; rm -f /x; exit 0'],
    ['functions and one call', 'main() {\n  make\n  make install\n}\nmain "$@"'],
    ['another language', '#!/usr/bin/env python3\nprint()\nprint()\r\nx = 1 &\n'],
    ['a here-document with such lines', "cat >/x <<'END'\nserver &\r\nEND\n".replace('\r', '')],
    ['a waited-for command in the background', 'set -e\nserver &\nwait'],
    ['nohup', 'nohup server >/dev/null 2>&1 &'],
    ['setsid', 'set -e\nsetsid server &\necho started'],
    ['a text that ends in &', 'echo "a &"'],
    ['a script that cannot be followed', "make\necho 'it\n"],
  ])('is not reported for %s', (_, script) => {
    expect(warningsOf({ script })).toEqual([]);
  });

  it.each([
    ['a PATH', { PATH: '$HOME/bin:$PATH' }, 'PATH: $HOME stays'],
    ['a name in braces', { CONFIG: 'in ${XDG_CONFIG_HOME}/app' }, 'CONFIG: ${XDG_CONFIG_HOME} stays'],
    ['one value of several', { A: 'a', CACHE: '/cache/$USER' }, 'CACHE: $USER stays'],
  ])('is reported for a variable in a value: %s', (_, env, begin) => {
    const steps = [{ name: 'a', script: 'true' }];
    const shown = (plan: Pick<Plan, 'env' | 'steps'>) =>
      planWarnings(plan).map(({ path, message }) => `${path}: ${message}`);
    expect(shown({ env, steps })).toEqual([expect.stringContaining(`env.${begin}`)]);
    expect(shown({ steps: [{ ...steps[0]!, env }] })).toEqual([
      expect.stringContaining(`steps[0].env.${begin}`),
    ]);
  });

  it.each(['pa$$word', 'a$b', '$1', 'x$ABC9', '5 $ each', '$A'])(
    'is not reported for the value %j',
    (value) => {
      expect(warningsOf({ env: { VALUE: value } })).toEqual([]);
    },
  );

  it('is also reported for checks and finalizers, which have no terminal', () => {
    expect(warningsOf({ check: 'test -e /a\ntest -e /b', finalize: 'reload &' })).toEqual([
      ['steps[0].check', 1, expect.stringMatching(kinds.lost)],
    ]);
  });

  it('is reported for none of the examples and presets', () => {
    const example = (name: string) =>
      parse(readFileSync(new URL(`../../../examples/${name}.yaml`, import.meta.url), 'utf8')) as Plan;
    const plans = [
      ...presets.names.map((name) => presets.plan(name)),
      ...['demo', 'every-key', 'web-host'].map(example),
    ];
    expect(plans.flatMap((plan) => planWarnings({ steps: [...plan.steps] }))).toEqual([]);
  });

  it('comes quickly, whatever the script', () => {
    // CPU time, because other processes may keep the machine busy.
    const begin = process.cpuUsage();
    for (const piece of ['a;', '<<E\n', '"$(', "'", '((', 'if ', 'case x in a) ', '&&\n'])
      warningsOf({ script: piece.repeat(250_000 / piece.length) });
    expect(process.cpuUsage(begin).user / 1000).toBeLessThan(5000);
  });
});
