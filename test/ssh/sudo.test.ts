import { describe, expect, it } from 'vitest';
import { raw, render, sh, type Command } from '../../src/shell/index.ts';
import { withSudo, type Executor, type Outcome } from '../../src/ssh/index.ts';

const LET_IN = 'chandler: sudo let it in\n';

/** Answers with the outcome, and notes what it was asked. */
function answering(outcome: Outcome) {
  const asked: string[] = [];
  const executor: Executor = {
    async exec(command: Command) {
      asked.push(render(command));
      return outcome;
    },
  };
  return { asked, exec: () => withSudo(executor).exec(sh('id', "it's")) };
}
const exited = (code: number, stderr: string): Outcome => ({ kind: 'exited', code, stdout: 'out', stderr });

describe('withSudo', () => {
  it('has sudo say that it let the command in, and keeps that to itself', async () => {
    const { asked, exec } = answering(exited(3, `banner\n${LET_IN}sudo: the command said this\n`));
    expect(await exec()).toEqual(exited(3, 'banner\nsudo: the command said this\n'));
    expect(asked[0]).toMatch(/^sudo -n -H -- sh -c '[^]*' sh id 'it'\\''s'$/);
  });

  it.each([
    [1, 'sudo: a password is required\n'],
    [1, 'sudo: Ein Passwort ist notwendig\n'],
    [1, 'Sorry, user app is not allowed to execute …\n'],
    [127, 'bash: line 1: sudo: command not found\n'],
    [126, 'lecture\n\nsudo: no'],
  ])('takes exit %i with %j for a refusal', async (code, stderr) => {
    const said = stderr.trim().split('\n').at(-1);
    await expect(answering(exited(code, stderr)).exec()).rejects.toMatchObject({
      code: 'become-failed',
      message: `no root through sudo: ${said}`,
    });
  });

  it('says with which code it was refused where nothing was said', async () => {
    await expect(answering(exited(1, '')).exec()).rejects.toThrow('no root through sudo: exit 1');
  });

  it.each<Outcome>([
    exited(0, ''),
    { kind: 'lost', reason: 'reset', started: 'unknown' },
    { kind: 'signalled', signal: 'KILL', stdout: '', stderr: '' },
  ])('takes %o as it is', async (outcome) => {
    expect(await answering(outcome).exec()).toEqual(outcome);
  });

  it('leaves a raw word to the shell that calls sudo', async () => {
    const asked: string[] = [];
    const executor: Executor = {
      async exec(command) {
        asked.push(render(command));
        return exited(0, LET_IN);
      },
    };
    await withSudo(executor).exec(sh('true', raw('</dev/null')));
    expect(asked[0]).toMatch(/ sh true <\/dev\/null$/);
  });
});
