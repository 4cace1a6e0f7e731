import { onOneLine, sh, type Command } from '../shell/index.ts';
import { safeName } from '../zmx/index.ts';
import type { SessionPlace } from './launch.ts';
import { readPart } from './programs.ts';

/** The exit code of {@link attachCommand} if the session is gone. */
export const SESSION_GONE = 44;

/**
 * Attaches the terminal to the session of a launch. If the session is gone or belongs to another launch, prints that and exits
 * with {@link SESSION_GONE}.
 *
 * @throws ChandlerError invalid-input for a name that zmx would not accept as it is
 */
export function attachCommand(place: SessionPlace, options: { stateDir: string; launchId: string }): Command {
  const { session, zmxPath, zmxDir } = place;
  const words = [options.stateDir, options.launchId, safeName(place, session), zmxPath, zmxDir];
  return sh('sh', '-c', onOneLine(readPart('attach')), 'attach', ...words);
}
