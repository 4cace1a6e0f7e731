import { ChandlerError } from '../domain/run/failure.ts';
import type { FileDifference } from '../domain/run/drift.ts';
import { oneLine } from '../domain/text/plain-text.ts';
import { quote } from '../shell/index.ts';
import type { Answer } from '../ssh/frames.ts';
import { askInspector, type InspectDeps } from './host-report.ts';
import type { PlacedFile } from './placed-files.ts';
import { requireAnswer } from './read-answer.ts';

const WHAT = 'comparing files';
/** The host stops reading files after this time. */
const READ_BOUND_S = 60;
/** Less than the activity may take. */
const COMPARE_MS = 75_000;

/** What the host answers instead of a checksum once its time is over. */
const LATE = 'late';

/** What can be at the path of a file, besides a file. */
const OTHERS: Readonly<Record<string, string>> = {
  link: 'is a link',
  directory: 'is a directory',
  special: 'is not a regular file',
};

/** How files on a host differ. */
export interface Comparison {
  readonly differences: readonly FileDifference[];
  /** The paths of files whose content could not be read in time. */
  readonly unread: readonly string[];
}

/**
 * Compares files of a step with those on the host, and changes nothing there. Reports every way in which each differs; for a path with
 * anything but a file, only that. Reads for at most {@link READ_BOUND_S} altogether.
 *
 * @throws ChandlerError as `inspectHost`
 */
export async function compareFiles(
  deps: InspectDeps,
  files: readonly PlacedFile[],
  boundS = READ_BOUND_S,
): Promise<Comparison> {
  const calls = files.map(({ path }, i) => `"$1" ${i} ${quote(path)}\n`);
  const before = `each_file() {\n${calls.join('')}}\n`;
  const answers = await askInspector(deps, '', 'files', [String(boundS)], COMPARE_MS, before);
  const { own_uid: ownUid = '' } = requireAnswer(answers, 'own_uid', WHAT);
  const found = files.map((file, i) => {
    const answer = answers.findLast((each) => each['file'] === String(i));
    if (!answer)
      throw new ChandlerError('connection-lost', `${WHAT}: the host gave no answer (${file.path})`);
    return {
      path: file.path,
      isUnread: answer['sha256'] === LATE,
      differences: compareFile(file, answer, ownUid),
    };
  });
  return {
    differences: found.flatMap(({ differences }) => differences),
    unread: found.flatMap(({ path, isUnread }) => (isUnread ? [path] : [])),
  };
}

/** `ownUid` owns files without an owner. */
export function compareFile(file: PlacedFile, found: Answer, ownUid: string): FileDifference[] {
  const { path, sha256, mode, owner = ownUid } = file;
  const difference = (differs: FileDifference['differs'], message: string): FileDifference => ({
    path,
    differs,
    message: `${oneLine(path)} ${message}`,
  });
  const { is = '', user = '', uid = '', group = '', gid = '' } = found;
  if (is === 'missing') return [difference('missing', 'is missing')];
  if (is !== 'file') return [difference('kind', OTHERS[is] ?? 'is of an unknown kind')];
  const differences: FileDifference[] = [];
  const actualSha256 = found['sha256'];
  if (actualSha256 === '') differences.push(difference('content', 'cannot be read'));
  else if (actualSha256 !== LATE && actualSha256 !== sha256)
    differences.push(difference('content', 'has different content'));
  const actual = (found['mode'] ?? '').padStart(4, '0');
  if (actual !== mode) differences.push(difference('mode', `has mode ${oneLine(actual)}, not ${mode}`));
  const [wantedUser = '', wantedGroup] = owner.split(':').map(plainId);
  const isOwned =
    [user, uid].includes(wantedUser) && (wantedGroup === undefined || [group, gid].includes(wantedGroup));
  if (!isOwned) {
    const actual = wantedGroup === undefined ? user : `${user}:${group}`;
    differences.push(
      difference(
        'owner',
        `belongs to ${oneLine(actual)}, not ${owner === ownUid ? 'the login user' : oneLine(owner)}`,
      ),
    );
  }
  return differences;
}

/** A number as the host prints it, without zeros before it. */
function plainId(name: string): string {
  return name.replace(/^0+(?=\d+$)/, '');
}
