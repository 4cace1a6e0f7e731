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
  const askFor = (script: string, isShort?: boolean) => {
    const local = new LocalExecutor();
    const executor: Executor = {
      answerPatience,
      exec: async (command, options) => local.exec(command, options),
    };
    const program = `${SAY} say begun; ${script}; say done=yes; say end`;
    return ask(executor, 'probe', (token) => sh('sh', '-c', program, token), { isShort });
  };
  let answerPatience = new Impatience();

  it('is reported if it is short, with what it printed', async () => {
    answerPatience = new Impatience();
    await expect(askFor('echo waiting for the disk; sleep 30', true)).rejects.toMatchObject({
      code: 'connection-lost',
      message: expect.stringMatching(
        /^probe: .* began, but did not end within 0\.4 s: .*hangs.*“waiting for the disk”/,
      ) as string,
      advice: expect.stringMatching(/Find what hangs on the host/) as string,
    });
  });

  it('gets more time when it is repeated', async () => {
    answerPatience = new Impatience();
    await expect(askFor('sleep 0.6', true)).rejects.toMatchObject({ code: 'connection-lost' });
    expect(await askFor('sleep 0.6', true)).toMatchObject([{ done: 'yes' }]);
  });

  it('is waited for if it may take long', async () => {
    answerPatience = new Impatience();
    expect(await askFor('sleep 0.6')).toMatchObject([{ done: 'yes' }]);
  });
});
