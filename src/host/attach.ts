import { sh, type Command } from '../shell/index.ts';
import { safeName } from '../zmx/index.ts';
import type { SessionPlace } from './launch.ts';
import { readPart } from './programs.ts';

/** How {@link attachCommand} exits where there is no such session. */
export const SESSION_GONE = 44;

/**
 * Opens the session of a launch on the host, in the terminal that it is given. Where the session is gone, or another's by
 * now, it makes none, says so and exits with {@link SESSION_GONE}.
 *
 * @throws ChandlerError invalid-input for a name that zmx would not take literally
 */
export function attachCommand(place: SessionPlace, options: { stateDir: string; launchId: string }): Command {
  const { session, zmxPath, zmxDir } = place;
  const program = readPart('attach')
    .replace(/^# shellcheck .*\n/gm, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ');
  const words = [options.stateDir, options.launchId, safeName(place, session), zmxPath, zmxDir];
  return sh('sh', '-c', program, 'attach', ...words);
}
