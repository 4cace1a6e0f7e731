import type { Step } from '../../src/domain/plan/schema.ts';
import { presets } from '../../src/library/index.ts';
import { quote } from '../../src/shell/index.ts';

type Made = Omit<Step, 'name'>;

/** A step of its own, what happens to its work afterwards, and how the step has drifted then. */
export interface DriftCase {
  readonly step: Step;
  readonly damage: string;
  readonly found: readonly string[];
}

/** Steps for plans. Each step works in a directory of its own, `$AT`, and names packages and accounts `$NAME`. */
const kinds = {
  config: {
    script: 'mkdir -p $AT; echo port=80 >$AT/conf; chown root:daemon $AT/conf; chmod 640 $AT/conf',
    check: `[ "$(stat -c '%F %a %U %G' $AT/conf)" = 'regular file 640 root daemon' ] && [ "$(cat $AT/conf)" = port=80 ]`,
  },
  package: {
    script: `mkdir -p $AT/DEBIAN $AT/usr/bin; echo : >$AT/usr/bin/$NAME
printf 'Package: %s\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n' $NAME >$AT/DEBIAN/control
(cd $AT && md5sum usr/bin/$NAME >DEBIAN/md5sums); dpkg-deb -Znone --build $AT $AT.deb; dpkg -i $AT.deb`,
    check: `dpkg-query -W -f '\${Status}' $NAME | grep -qx 'install ok installed' && test -z "$(dpkg --verify $NAME)"`,
  },
  account: {
    script: 'useradd -m -s /bin/bash -G daemon $NAME',
    check: `id -nG $NAME | tr ' ' '\\n' | grep -qx daemon && getent passwd $NAME | grep -q ':/bin/bash$'`,
  },
  link: { script: 'ln -sfn /etc/hostname $AT', check: '[ "$(readlink $AT)" = /etc/hostname ]' },
  directory: {
    script: 'mkdir $AT; chmod 2775 $AT',
    check: `[ "$(stat -c '%F %a' $AT)" = 'directory 2775' ]`,
  },
  service: {
    script: `mkdir $AT; cp $(command -v sleep) $AT/agent; setsid $AT/agent 1000000 </dev/null >/dev/null 2>&1 & echo $! >$AT.pid`,
    check: '[ "$(readlink /proc/$(cat $AT.pid)/exe)" = $AT/agent ]',
  },
  cron: {
    script: `mkdir -p /etc/cron.d; echo '0 3 * * * root true' >/etc/cron.d/$NAME`,
    check: `grep -q '^0 3 .* true' /etc/cron.d/$NAME`,
  },
  keys: {
    script: `mkdir -m 700 $AT; echo 'ssh-ed25519 AAAA x' >$AT/authorized_keys; chmod 600 $AT/authorized_keys`,
    check: `[ "$(cat $AT/authorized_keys)" = 'ssh-ed25519 AAAA x' ] && [ "$(stat -c '%a %U' $AT/authorized_keys)" = '600 root' ]`,
  },
  hosts: {
    script: 'echo "192.0.2.1 $NAME" >>/etc/hosts',
    check: '[ "$(getent hosts $NAME)" != "" ] && grep -qx "192.0.2.1 $NAME" /etc/hosts',
  },
  // The host shares the kernel with the machine and must not change it, so the check reads a file in its place.
  sysctl: {
    script: `mkdir -p $AT; echo 10 >$AT/swappiness; echo 'vm.swappiness = 10' >$AT/sysctl.conf`,
    check: `[ "$(cat $AT/swappiness)" = 10 ] && grep -qx 'vm.swappiness = 10' $AT/sysctl.conf`,
  },
  unit: {
    script: `mkdir -p $AT/wants; echo '[Service]' >$AT/x.service; ln -s ../x.service $AT/wants/x.service`,
    check: `test -e $AT/wants/x.service && test "$(cat $AT/x.service)" = '[Service]'`,
  },
  token: {
    secrets: { TOKEN: 'file:TOKEN' },
    script: 'printf %s hush-hush-token | sha256sum >$AT',
    check: 'printf %s "$TOKEN" | sha256sum | cmp -s - $AT',
  },
  plain: { script: 'true' },
} satisfies Record<string, Made>;

/** The checks of presets, beside stand-ins for programs that a test cannot have. */
const ready = {
  docker: () => ({
    ...checkOf('docker'),
    script: `mkdir -p $AT /etc/docker; echo '#!/bin/true' >$AT/docker; chmod 755 $AT/docker; echo '{}' >/etc/docker/daemon.json
getent group docker || groupadd docker; useradd -G docker $NAME`,
  }),
  mise: () => ({
    ...checkOf('toolchain'),
    script: `mkdir -p $AT; printf '#!/bin/sh\\necho "%s linux-x64"\\n' $MISE_VERSION >$AT/mise; chmod 755 $AT/mise`,
  }),
};

function checkOf(preset: string): Pick<Step, 'check' | 'env'> {
  const [{ check, env } = {}] = presets.plan(preset).steps;
  return { ...(check !== undefined && { check }), ...(env && { env }) };
}

/** Files that a step brings to `at`. */
const brought = (at: string): Made => ({
  env: { PORT: '80' },
  secrets: { TOKEN: 'file:TOKEN' },
  files: [
    { path: `${at}/a.conf`, content: 'port=${PORT}\n', expand: true, mode: '0640', owner: 'daemon:man' },
    { path: `${at}/b.conf`, content: 'token=${TOKEN}\n', expand: true, mode: '0600' },
    { path: `${at}/deep/c.conf`, secret: 'file:TOKEN' },
  ],
});

const RECORD = '/var/lib/chandler/plans/shop/step.$NAME';

/** What happens to a host; in the order: a kind of step, the damage, and how the step has drifted (default: `missing`). */
const table: Readonly<
  Record<
    string,
    readonly [kind: keyof typeof kinds | keyof typeof ready | 'files', damage: string, ...found: string[]]
  >
> = {
  'a file is edited': ['config', 'echo debug=1 >>$AT/conf'],
  'a file is emptied': ['config', ': >$AT/conf'],
  'a file is removed': ['config', 'rm $AT/conf'],
  'the directory of a file is removed': ['config', 'rm -r $AT'],
  'a file has another mode': ['config', 'chmod 644 $AT/conf'],
  'a file has another owner': ['config', 'chown daemon $AT/conf'],
  'a file has another group': ['config', 'chgrp root $AT/conf'],
  'a file becomes a directory': ['config', 'rm $AT/conf; mkdir $AT/conf'],
  'a file becomes a link to a copy': ['config', 'cp -p $AT/conf $AT/copy; ln -sf copy $AT/conf'],
  'a file becomes a pipe that nobody writes to': ['config', 'rm $AT/conf; mkfifo $AT/conf'],
  'a package is removed': ['package', 'dpkg -r $NAME'],
  'a file of a package is edited': ['package', 'echo >>/usr/bin/$NAME'],
  'a file of a package is removed': ['package', 'rm /usr/bin/$NAME'],
  'an account is removed': ['account', 'userdel $NAME'],
  'an account has another shell': ['account', 'usermod -s /bin/sh $NAME'],
  'an account leaves a group': ['account', "usermod -G '' $NAME"],
  'a link is removed': ['link', 'rm $AT'],
  'a link leads elsewhere': ['link', 'ln -sfn /dev/null $AT'],
  'a link becomes a file': ['link', 'rm $AT; cp /etc/hostname $AT'],
  'a directory is removed': ['directory', 'rmdir $AT'],
  'a directory has another mode': ['directory', 'chmod 755 $AT'],
  'a service stops': ['service', 'kill $(cat $AT.pid)'],
  'the process of a service is another one': ['service', 'kill $(cat $AT.pid); echo $$ >$AT.pid'],
  'a line of cron is commented out': ['cron', "sed -i 's/^/#/' /etc/cron.d/$NAME"],
  'another key is let in': ['keys', "echo 'ssh-ed25519 BBBB x' >>$AT/authorized_keys"],
  'keys can be read by others': ['keys', 'chmod 644 $AT/authorized_keys'],
  'a line of the hosts file is removed': ['hosts', 'sed "/ $NAME\\$/d" /etc/hosts >$AT; cat $AT >/etc/hosts'],
  'a kernel setting changes at run time': ['sysctl', 'echo 60 >$AT/swappiness'],
  'a kernel setting is lost at the next boot': ['sysctl', 'rm $AT/sysctl.conf'],
  'a unit is disabled': ['unit', 'rm $AT/wants/x.service'],
  'a file with a secret is edited': ['token', 'echo x >$AT'],
  'preset docker: the daemon does not answer': ['docker', 'rm $AT/docker'],
  'preset docker: a user leaves the group': ['docker', "usermod -G '' $NAME"],
  'preset toolchain: another version is installed': ['mise', 'echo "echo 1.0.0" >$AT/mise'],
  'a brought file is edited': ['files', 'echo x >>$AT/a.conf', 'a.conf has different content'],
  'a brought file is removed': ['files', 'rm $AT/a.conf', 'a.conf is missing'],
  'a brought file has another mode': ['files', 'chmod 644 $AT/a.conf', 'a.conf has mode 0644, not 0640'],
  'a brought file has another owner': [
    'files',
    'chown 0 $AT/a.conf',
    'a.conf belongs to root:man, not daemon:man',
  ],
  'a brought file is a link': ['files', 'mv $AT/a.conf $AT/x; ln -s x $AT/a.conf', 'a.conf is a link'],
  'a brought file is a directory': ['files', 'rm $AT/a.conf; mkdir $AT/a.conf', 'a.conf is a directory'],
  'a brought file is a pipe that nobody writes to': [
    'files',
    'rm $AT/a.conf; mkfifo $AT/a.conf',
    'a.conf is not a regular file',
  ],
  'a brought file with a secret in it is edited': [
    'files',
    'sed -i s/token/x/ $AT/b.conf',
    'b.conf has different content',
  ],
  'a brought secret can be read by all and is another': [
    'files',
    'chmod 666 $AT/deep/c.conf; echo x >$AT/deep/c.conf',
    'c.conf has different content',
    'c.conf has mode 0666, not 0600',
  ],
  'the directory of brought files is removed': [
    'files',
    'rm -r $AT',
    ...['a', 'b', 'c'].map((name) => `${name}.conf is missing`),
  ],
  'a record is removed': ['plain', `rm ${RECORD}`, 'never-run'],
  'a record is damaged': ['plain', `echo ../../x >${RECORD}`, 'never-run'],
  'a record is of another script': [
    'plain',
    `sed -i 's/ [0-9a-f]*/ 00000000000000000000/' ${RECORD}`,
    'changed',
  ],
  'what a record names is removed': [
    'plain',
    `rm -r /var/lib/chandler/launches/$(cut -d ' ' -f 1 ${RECORD})`,
    'failed',
  ],
};

/** Changes that are not drift, because no check and no file covers them. */
const harmless: typeof table = {
  'a file gets another time': ['config', 'touch -d 2001-01-01 $AT/conf'],
  'another file appears beside it': ['directory', 'touch $AT/x'],
  'a brought file gets another time and name': [
    'files',
    'touch -d 2001-01-01 $AT/a.conf; ln $AT/a.conf $AT/x',
  ],
  'its directory has another mode': ['files', 'chmod 700 $AT'],
  'the group of a file without an owner changes': ['files', 'chgrp man $AT/b.conf'],
  'a record is removed, and the check is satisfied': ['link', `rm ${RECORD}`],
  'the work of a step without a check is removed': ['plain', 'rm -rf $AT'],
};

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function makeCase([what, [kind, damage, ...found]]: (typeof entries)[number], i: number): DriftCase {
  const name = `s${i}-${kind}`;
  const at = `/srv/drift/${name}`;
  const made: Made & { name?: string } =
    kind === 'files'
      ? brought(at)
      : kind in ready
        ? ready[kind as keyof typeof ready]()
        : kinds[kind as keyof typeof kinds];
  const users = kind === 'docker' ? { DOCKER_USERS: name } : {};
  const env = { ...made.env, AT: at, NAME: name, PATH: `${at}:${PATH}`, ...users };
  const isHarmless = Object.hasOwn(harmless, what);
  return {
    step: { ...made, ...(made.script !== undefined && { script: `set -e\n${made.script}` }), name, env },
    damage: inShell({ env }, damage),
    found: isHarmless ? [] : found.length === 0 ? ['missing'] : found,
  };
}

function inShell({ env = {} }: Pick<Step, 'env'>, script: string): string {
  return `(${Object.entries(env)
    .map(([name, value]) => `export ${name}=${quote(value)};`)
    .join(' ')}
${script}
) || exit\n`;
}

const entries = Object.entries({ ...table, ...harmless });

/** The cases by what happens. */
export const driftCases: ReadonlyMap<string, DriftCase> = new Map(
  entries.map((entry, i) => [entry[0], makeCase(entry, i)]),
);

/** Does the work of all steps that have a check: a run finds it satisfied, which takes less time than running them. */
export const workOfCases = [...driftCases.values()]
  .filter(({ step }) => step.check !== undefined)
  .map(({ step }) => inShell(step, step.script ?? ''))
  .join('');
