import { createDraw, type Draw } from '../chaos/draw.ts';
import { kinds, type Family, type Kind, type Place } from './kinds.ts';

export const shells = ['bash', 'zsh', 'fish', 'tcsh', 'dash', 'ash'] as const;
export type Shell = (typeof shells)[number];

/** A kind, written for a shell and a place. */
export interface Fragment {
  readonly kind: Kind;
  readonly place: Place;
  /** In the syntax of the login shell; missing if the kind has no text for it and only the session's bash reads the fragment. */
  readonly own?: string;
  /** In the syntax of bash or a POSIX shell. A session runs bash, whatever the login shell is. */
  readonly posix: string;
}

/** A login to provision under. */
export interface LoginCase {
  readonly index: number;
  readonly user: string;
  readonly uid: number;
  readonly shell: Shell;
  readonly fragments: readonly Fragment[];
  readonly onStepFailure: 'park' | 'fail';
  /** Selects one of the file names that a shell tries. */
  readonly variant: number;
}

const FIRST_UID = 2000;
const OWN_FAMILIES: Readonly<Record<Shell, readonly Family[]>> = {
  bash: ['bash', 'posix'],
  zsh: ['zsh', 'posix'],
  fish: ['fish'],
  tcsh: ['tcsh'],
  dash: ['posix'],
  ash: ['posix'],
};

/** Draws case number `index`, independent of other cases. */
export function drawCase(seed: number, index: number): LoginCase {
  const draw = createDraw(seed, `login ${index}`);
  const shell = draw.weighted(
    shells.map((name) => ({ name, weight: name === 'bash' ? 5 : name === 'dash' || name === 'ash' ? 1 : 2 })),
  ).name;
  const wanted = draw.chance(40) ? 2 : 1;
  const fragments: Fragment[] = [];
  while (fragments.length < wanted) {
    const fragment = drawFragment(draw, shell, fragments);
    if (fragment) fragments.push(fragment);
  }
  return {
    index,
    user: `u${index}`,
    uid: FIRST_UID + index,
    shell,
    fragments,
    onStepFailure: draw.pick(['park', 'fail'] as const),
    variant: draw.int(0, 5),
  };
}

function drawFragment(draw: Draw, shell: Shell, others: readonly Fragment[]): Fragment | undefined {
  const kind = draw.weighted(kinds);
  const place = draw.pick(kind.places);
  // A file that ssh reads once is written once; dash and busybox read nothing for a command.
  if (
    others.some(
      (other) => other.kind === kind || (place !== 'every' && place !== 'session' && other.place === place),
    )
  )
    return undefined;
  const write = (families: readonly Family[]): string | undefined => {
    const found = families.flatMap((family) => kind.text[family] ?? []);
    if (found.length === 0) return undefined;
    const text = draw.pick(found);
    return typeof text === 'string' ? text : text(draw);
  };
  if (place === 'every') {
    const own = shell === 'dash' || shell === 'ash' ? undefined : write(OWN_FAMILIES[shell]);
    return own === undefined ? undefined : { kind, place, own, posix: own };
  }
  const posix = write(place === 'session' && shell === 'bash' ? ['bash', 'posix'] : ['posix']);
  if (posix === undefined) return undefined;
  const own =
    place === 'session' && (shell === 'fish' || shell === 'tcsh') ? write(OWN_FAMILIES[shell]) : posix;
  return { kind, place, posix, ...(own !== undefined && { own }) };
}

/** The files in the home directory of a case, by their path below it. */
export function homeFiles({ shell, fragments, variant }: LoginCase): Map<string, string> {
  const files = new Map<string, string>();
  const add = (path: string, text: string) => files.set(path, `${files.get(path) ?? ''}${text}\n`);
  const everyFile = {
    bash: '.bashrc',
    zsh: '.zshenv',
    fish: '.config/fish/config.fish',
    tcsh: variant % 2 ? '.cshrc' : '.tcshrc',
    dash: '',
    ash: '',
  }[shell];
  const profile = shell === 'bash' ? ['.bash_profile', '.bash_login', '.profile'][variant % 3]! : '.profile';
  // Most bash profiles also read the other file.
  if (shell === 'bash' && variant < 3) add(profile, '[ ! -r ~/.bashrc ] || . ~/.bashrc');
  for (const { place, own, posix } of fragments) {
    if (place === 'every') add(everyFile, posix);
    if (place === 'rc') add('.ssh/rc', posix);
    if (place !== 'session') continue;
    add(profile, posix);
    if (own === undefined) continue;
    if (shell === 'zsh') add('.zprofile', own);
    if (shell === 'tcsh') add('.login', own);
    if (shell === 'fish') add('.config/fish/config.fish', `if status is-login\n${own}\nend`);
  }
  return files;
}

/** The sshd configuration for the user of a case. */
export function sshdBlock({ user, fragments }: LoginCase): string {
  const lines = fragments.filter(({ place }) => place === 'sshd').map(({ posix }) => `  ${posix}`);
  return lines.length === 0 ? '' : `Match User ${user}\n${lines.join('\n')}\n`;
}

/** The options in front of the key of a case, with the blank that ends them. */
export function keyOptions({ fragments }: LoginCase): string {
  const options = fragments.find(({ place }) => place === 'key')?.posix;
  return options === undefined ? '' : `${options} `;
}

/** One line for people: the shell, and each kind with its place and text. */
export function describeCase({ shell, fragments }: LoginCase): string {
  const parts = fragments.map(
    ({ kind, place, own, posix }) => `${kind.name} (${place}): ${JSON.stringify(own ?? posix)}`,
  );
  return `${shell}: ${parts.join(' + ')}`;
}
