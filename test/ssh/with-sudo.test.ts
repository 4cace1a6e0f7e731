import { describe, expect, it } from 'vitest';
import { raw, render, sh, type Command } from '../../src/shell/index.ts';
import { withSudo, type Executor, type Outcome } from '../../src/ssh/index.ts';
import { asPrinted, tokenOf } from '../support/frames.ts';

const exited = (code: number, stderr: string): Outcome => ({ kind: 'exited', code, stdout: 'out', stderr });

/** An executor with this outcome, in which LET IN stands for sudo's mark. The host itself runs commands normally. */
function answering(outcome: Outcome, command: Command = sh('id', "it's")) {
  const asked: string[] = [];
  const executor: Executor = {
    async exec({ words }, options) {
      asked.push(render({ words }));
      if (words[0] !== 'sudo') {
        const body = `line=${String(options?.stdin).trimEnd().length}`;
        const stdout = asPrinted({ words }, `chandler: ${body}`).toString();
        return { kind: 'exited', code: 0, stdout, stderr: '' };
      }
      if (outcome.kind === 'lost') return outcome;
      return { ...outcome, stderr: outcome.stderr.replace('LET IN', `chandler:${tokenOf({ words })}:sudo`) };
    },
  };
  return { asked, exec: () => withSudo(executor).exec(command) };
}

describe('withSudo', () => {
  it("removes sudo's mark from the output of the command", async () => {
    const { asked, exec } = answering(exited(3, 'banner\nLET IN\nsudo: the command said this\n'));
    expect(await exec()).toEqual(exited(3, 'banner\nsudo: the command said this\n'));
    expect(asked[0]).toMatch(/^sudo -n -H -- sh -c '[^]*' [0-9a-f]{24} id 'it'\\''s'$/);
  });

  it.each([
    [1, 'sudo: a password is required\n', 'NOPASSWD'],
    [1, 'sudo: Ein Passwort ist notwendig\n', 'NOPASSWD'],
    [1, 'Sorry, user app is not allowed to execute …\n', 'every command as root'],
    [1, 'sudo: sorry, you must have a tty to run sudo\n', 'Defaults:USER !requiretty'],
    [1, 'sudo: sh: command not found\n', 'secure_path'],
    [
      1,
      'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.\n',
      'log in as root',
    ],
    [127, 'bash: line 1: sudo: command not found\n', 'Install sudo'],
    [126, 'sudo: no', 'NOPASSWD'],
  ])('treats exit %i with %j as a refusal', async (code, stderr, advice) => {
    await expect(answering(exited(code, stderr)).exec()).rejects.toMatchObject({
      code: 'become-failed',
      message: `no root through sudo: ${stderr.trim()}`,
      advice: expect.stringContaining(advice) as string,
    });
  });

  it('reports noexec for a shell that sudo lets in but that cannot start commands', async () => {
    const denied = exited(126, 'LET IN\nsh: 1: exec: sh: Permission denied\n');
    await expect(answering(denied, sh('sh', '-s')).exec()).rejects.toMatchObject({
      code: 'become-failed',
      message: 'sudo lets no command start other commands: sh: 1: exec: sh: Permission denied',
      advice: expect.stringContaining('noexec') as string,
    });
    expect(await answering(denied).exec()).toMatchObject({ code: 126 });
  });

  it('shows the first and last lines of the output', async () => {
    const lecture = Array.from({ length: 20 }, (_, i) => `line ${i}`).join('\n');
    await expect(answering(exited(1, lecture)).exec()).rejects.toThrow(
      'no root through sudo: line 0 | line 1 | line 2 | … | line 17 | line 18 | line 19',
    );
    await expect(answering(exited(1, '')).exec()).rejects.toThrow('no root through sudo: exit 1');
  });

  it('does not blame sudo on a host that does not run it', async () => {
    const executor: Executor = { exec: async () => exited(1, 'bye\n') };
    await expect(withSudo(executor).exec(sh('true'))).rejects.toMatchObject({ code: 'login-interferes' });
  });

  it.each<Outcome>([
    exited(0, ''),
    { kind: 'lost', reason: 'reset', started: 'unknown' },
    { kind: 'signalled', signal: 'KILL', stdout: '', stderr: '' },
  ])('passes on %o unchanged', async (outcome) => {
    expect(await answering(outcome).exec()).toEqual(outcome);
  });

  it('leaves a raw word to the shell that calls sudo', async () => {
    const { asked, exec } = answering(exited(0, 'LET IN\n'), sh('true', raw('</dev/null')));
    await exec();
    expect(asked[0]).toMatch(/ [0-9a-f]{24} true <\/dev\/null$/);
  });
});
