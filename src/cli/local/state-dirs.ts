import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { CliContext } from '../context.ts';

/** `${XDG_STATE_HOME:-~/.local/state}/chandler`. The XDG specification requires that a relative value counts as unset. */
function stateDir({ env }: Pick<CliContext, 'env'>): string {
  const configured = env['XDG_STATE_HOME'] ?? '';
  const home = env['HOME'] || homedir();
  return join(isAbsolute(configured) ? configured : join(home, '.local/state'), 'chandler');
}

export const devDir = (context: Pick<CliContext, 'env'>): string => join(stateDir(context), 'dev');

export const devServersDir = (context: Pick<CliContext, 'env'>): string =>
  join(stateDir(context), 'dev-servers');

export const sandboxDir = (context: Pick<CliContext, 'env'>): string => join(stateDir(context), 'sandbox');
