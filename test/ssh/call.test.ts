import { describe, expect, it } from 'vitest';
import { sh } from '../../src/shell/index.ts';
import { ask } from '../../src/ssh/call.ts';
import type { Executor } from '../../src/ssh/executor.ts';
import { SAY } from '../../src/ssh/frames.ts';
import { Patience } from '../../src/ssh/patience.ts';
import { LocalExecutor } from '../support/local-executor.ts';

/** Has less patience than the real one. */
class Impatience extends Patience {
  override get ms() {
    return super.ms / 20;
  }
  override ranOut(ms: number) {
    super.ranOut(20 * ms);
  }
}

describe('a program that has begun and then is silent', () => {
  const askFor = (script: string, isShortUntil?: 'first-answer' | 'end') => {
    const local = new LocalExecutor();
    const executor: Executor = {
      answerPatience,
      exec: async (command, options) => local.exec(command, options),
    };
    const program = `${SAY} say begun; ${script}; say done=yes; say end`;
    return ask(executor, 'probe', (token) => sh('sh', '-c', program, token), { isShortUntil });
  };
  let answerPatience = new Impatience();

  it('is reported if it is short, with what it printed', async () => {
    answerPatience = new Impatience();
    await expect(askFor('echo waiting for the disk; sleep 30', 'end')).rejects.toMatchObject({
      code: 'connection-lost',
      message: expect.stringMatching(
        /^probe: .* began, but did not answer within 0\.4 s: .*hangs.*“waiting for the disk”/,
      ) as string,
      advice: expect.stringMatching(/Find what hangs on the host/) as string,
    });
  });

  it('gets more time when it is repeated', async () => {
    answerPatience = new Impatience();
    await expect(askFor('sleep 0.6', 'end')).rejects.toMatchObject({ code: 'connection-lost' });
    expect(await askFor('sleep 0.6', 'end')).toMatchObject([{ done: 'yes' }]);
  });

  it('is reported if its first answer does not come, and waited for after that', async () => {
    answerPatience = new Impatience();
    expect(await askFor('say first=yes; sleep 0.6', 'first-answer')).toMatchObject([
      { first: 'yes' },
      { done: 'yes' },
    ]);
    const error = { code: 'connection-lost' };
    await expect(askFor('sleep 0.6; say first=yes', 'first-answer')).rejects.toMatchObject(error);
  });

  it('is waited for if it may take long', async () => {
    answerPatience = new Impatience();
    expect(await askFor('sleep 0.6')).toMatchObject([{ done: 'yes' }]);
  });
});
