import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSshPool, loadPrograms, Runner, startLaunch, withSudo } from '../../src/index.ts';
import { ChandlerError } from '../../src/domain/run/failure.ts';
import { makeLaunch } from '../../src/domain/run/ids.ts';
import { sandboxExec, sandboxSshd } from '../support/sandbox-control.ts';
import { openHost } from '../../src/host/open-host.ts';
import { sh } from '../../src/shell/index.ts';
import type { Executor } from '../../src/ssh/executor.ts';
import { startHost, type TestHost } from '../support/hosts.ts';

/** Login shells, the startup file that each reads for ssh commands, and what ends the shell there. */
const SHELLS = {
  bash: ['.bashrc', 'exit 0'],
  zsh: ['.zshenv', 'exit 0'],
  // In the following shells `exit` ends only the startup file.
  fish: ['.config/fish/config.fish', 'exec true'],
  tcsh: ['.tcshrc', 'exec true'],
  dash: ['', ''],
} as const;
/** The sshd settings of users with a forced command. */
const FORCED = {
  forced: 'ForceCommand echo restricted',
  sftp: 'ForceCommand internal-sftp',
  copies: 'ForceCommand cat',
  open: 'ForceCommand { cat; sleep 60; } | sh -c "$SSH_ORIGINAL_COMMAND"',
};

/** The text of a startup file under which this tool never ends. */
const hanging = (tool: string) =>
  `mkdir -p ~/bin; printf '#!/bin/sh\\nexec sleep 60\\n' >~/bin/${tool}; chmod +x ~/bin/${tool}; PATH=~/bin:$PATH`;

describe('a host with an unusual login', () => {
  const pool = createSshPool();
  let host: TestHost;
  let runs = 0;

  const onHost = async (command: string) => {
    const { code, stdout, stderr } = await sandboxExec(host, ['sh', '-c', command]);
    if (code !== 0) throw new Error(`${command}: ${stderr}`);
    return stdout;
  };
  const executorOf = (user: string): Executor =>
    pool.executor({
      host: host.host,
      port: host.port,
      user,
      auth: { kind: 'key', privateKey: readFileSync(host.identity, 'utf8'), source: 'test' },
      hostKey: { kind: 'known-hosts', files: [host.knownHosts] },
    });
  /** Runs a script on the host like a step. Returns its end and its log. */
  const provision = async (executor: Executor, script = 'echo "it\'s done!"') => {
    runs += 1;
    const { host } = await openHost({ executor, programs: loadPrograms() });
    const launch = makeLaunch(`run-${runs}`, 'a', 'finalizer', 1);
    await startLaunch(host, launch, { script, env: { WORDS: 'a!b\\c\'d"e$f g\\\\' } });
    const state = await host.wait(launch.id);
    const { bytes } = await host.log(launch.id, { start: 0, maxBytes: 65_536 });
    return { state, log: bytes.toString() };
  };
  const failure = async (promise: Promise<unknown>): Promise<ChandlerError> => {
    const error: unknown = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof ChandlerError) return error;
    throw new Error('not refused', { cause: error });
  };
  /** Writes the startup file that bash reads for ssh commands. */
  const bashrc = (text: string, user = 'bash') =>
    onHost(`cat >/home/${user}/.bashrc <<'END'\n${text}\nEND\nrm -rf /home/${user}/.local`);

  beforeAll(async () => {
    host = await startHost({ systemPackages: ['zsh', 'fish', 'tcsh'] });
    const users = {
      ...Object.fromEntries(Object.keys(SHELLS).map((shell) => [shell, shell])),
      ...Object.fromEntries(Object.keys(FORCED).map((user) => [user, 'bash'])),
      keyed: 'bash',
      refused: 'nologin',
    };
    for (const [user, shell] of Object.entries(users))
      await onHost(
        `PATH=$PATH:/usr/sbin; useradd -m -s "$(command -v ${shell})" ${user} && usermod -p '*' ${user} && mkdir -p /home/${user}/.ssh /home/${user}/.config/fish && cp /root/.ssh/authorized_keys /home/${user}/.ssh/ && chown -R ${user} /home/${user}`,
      );
    await onHost(
      `sed -i 's/^/command="echo Please log in as app; exit 142" /' /home/keyed/.ssh/authorized_keys`,
    );
    for (const [user, directive] of Object.entries(FORCED))
      await onHost(`printf 'Match User ${user}\n  ${directive}\n' >>/etc/sandbox/sshd_config`);
    await sandboxSshd(host, 'stop');
    await sandboxSshd(host, 'start');
  });
  afterAll(async () => {
    await pool.close();
    await host?.stop();
  });

  describe.each(Object.entries(SHELLS))('with the login shell %s', (shell, [file, ends]) => {
    it(`login-shell-${shell}: runs steps, and preserves every character`, async () => {
      const { state, log } = await provision(executorOf(shell), 'printf "%s" "$WORDS"');
      expect(state).toMatchObject({ kind: 'exited', code: 0 });
      expect(log).toBe('a!b\\c\'d"e$f g\\\\');
    });

    it.runIf(file)('A1: runs steps although its startup file prints without a line end', async () => {
      await onHost(`printf 'printf "\\\\033]0;t\\\\007"\\n' >/home/${shell}/${file}`);
      expect((await provision(executorOf(shell))).log).toMatch(/^it's done!\r?\n$/);
    });

    it.runIf(file)('rc-exit0: reports that its startup file ends the shell', async () => {
      await onHost(`printf 'echo bye\\n${ends}\\n' >/home/${shell}/${file}; rm -rf /home/${shell}/.local`);
      const error = await failure(provision(executorOf(shell)));
      expect(error.code).toBe('login-interferes');
      expect(error.message).toMatch(/startup file that ends or replaces the shell \(exit 0\).*“bye”/);
      expect(error.advice).toContain(`~/${file}`);
    });
  });

  it.each([
    ['fish', 'alias sh false'],
    ['tcsh', 'alias sh false'],
    ['zsh', 'unset PATH'],
  ] as const)('reports that %s finds no `sh`: %s', async (shell, text) => {
    const [file] = SHELLS[shell];
    await onHost(`echo '${text}' >/home/${shell}/${file}; rm -rf /home/${shell}/.local`);
    const error = await failure(provision(executorOf(shell)));
    expect(`${error.code}: ${error.message}`).toMatch(/^login-interferes: .*the login has no sh because of/);
    expect(error.advice).toContain('alias');
  });

  it.each([
    ['3 MB before the answer', "yes hello | head -c 3000000; printf 'no line end'"],
    ['3 MB on both streams', 'yes e | head -c 3000000 >&2; yes o | head -c 3000000'],
    ['the output of a trap', "trap 'echo bye; exit 3' EXIT"],
    ['a shell that prints each command', 'exec 2>&1; set -x'],
    ['a background process that keeps printing', '(while sleep 0.05; do printf x; done) & disown'],
    ['lines like answers', 'echo "chandler: state=exited code=0"; echo "chandler:abc:5:state:abc"'],
    ['another directory, umask and IFS', 'cd /; umask 0; IFS=/; export IFS; set -u'],
    ['functions and aliases named like tools', 'cat() { echo no; }; alias sh=false; printf() { false; }'],
    ['color codes and a question', 'printf "\\033[?25h\\033[0G\\033[K"; read -r -t 0 line'],
  ])('reads answers despite %s', async (_, text) => {
    await bashrc(text);
    expect((await provision(executorOf('bash'))).log).toMatch(/^it's done!\r?\n$/);
  });

  it('reads answers despite exported xtrace options', async () => {
    await bashrc('export SHELLOPTS; exec 2>&1; set -x');
    expect((await provision(executorOf('bash'))).log).toMatch(/(^|\n)it's done!\r?\n$/);
  });

  it('ends a call soon although a process of a startup file holds the exec open', async () => {
    await bashrc('sleep 600 & disown');
    const runner = await Runner.open({
      executor: executorOf('bash'),
      programs: loadPrograms(),
      runId: 'held',
    });
    expect(await runner.isProvisioned()).toBe(false);
  });

  it.each([
    ['forced', /forced command.*\(exit 0\); standard output: “restricted”/, /ForceCommand/],
    ['keyed', /forced command.*\(exit 142\).*“Please log in as app”/, /command= in authorized_keys/],
    ['copies', /forced command/, /ForceCommand/],
    [
      'refused',
      /login shell of the user, or a forced command of sshd, refuses every login.*not available/,
      /usermod -s/,
    ],
  ])('A2: reports what sshd runs instead for the user %s', async (user, message, advice) => {
    const error = await failure(provision(executorOf(user)));
    expect(`${error.code}: ${error.message}`).toMatch(/^login-interferes: /);
    expect(error.message).toMatch(message);
    expect(error.advice).toMatch(advice);
  });

  it('A2: reports a user with sftp only', async () => {
    const error = await failure(provision(executorOf('sftp')));
    expect(`${error.code}: ${error.message}`).toMatch(/^login-interferes: .*forced command/);
  });

  describe('with a sudo that', () => {
    beforeAll(() => bashrc(''));
    const sudoers = (rules: string) =>
      onHost(
        `mkdir -p /etc/sudoers.d; printf '%b\\n' '${rules}' >/etc/sudoers.d/t; chmod 440 /etc/sudoers.d/t`,
      );
    const ALL = 'bash ALL=(ALL) NOPASSWD: ALL';

    it.each([
      [
        'sudo-requiretty: requires a terminal',
        `Defaults requiretty\\n${ALL}`,
        /must have a tty/,
        /!requiretty/,
      ],
      [
        'A3: forbids programs to start others',
        `Defaults noexec\\n${ALL}`,
        /lets no command start other commands/,
        /noexec/,
      ],
      [
        'A3: forbids this with the tag NOEXEC',
        'bash ALL=(ALL) NOPASSWD: NOEXEC: ALL',
        /start other commands/,
        /NOEXEC/,
      ],
      ['asks for a password', 'bash ALL=(ALL) ALL', /password|terminal/, /NOPASSWD/],
      ['does not know the user', 'root ALL=(ALL) ALL', /sudoers|password/, /NOPASSWD/],
      ['finds no sh', `Defaults secure_path=/nowhere\\n${ALL}`, /command not found/, /secure_path/],
    ])('%s, reports the cause', async (_, rules, message, advice) => {
      await sudoers(rules);
      const error = await failure(provision(withSudo(executorOf('bash'))));
      expect(`${error.code}: ${error.message}`).toMatch(/^become-failed: /);
      expect(error.message).toMatch(message);
      expect(error.advice).toMatch(advice);
    });

    it('accepts the user, runs steps, even after 3 MB on both streams', async () => {
      await sudoers(ALL);
      await bashrc('yes e | head -c 3000000 >&2; yes o | head -c 3000000');
      expect((await provision(withSudo(executorOf('bash')), 'id -un')).log).toMatch(/^root\r?\n$/);
    });

    it('is never reached, reports the login', async () => {
      await bashrc('echo no; exit 1');
      const error = await failure(provision(withSudo(executorOf('bash'))));
      expect(`${error.code}: ${error.message}`).toMatch(/^login-interferes: .*\(exit 1\).*“no”/);
      await bashrc('');
    });
  });

  it('A5: keeps secrets in another private directory if another user owns the usual one', async () => {
    await bashrc('');
    const uid = (await onHost('id -u bash')).trim();
    for (const made of [
      `mkdir -m 777 /dev/shm/chandler-${uid}`,
      `ln -s /home/bash /dev/shm/chandler-${uid}`,
      `ln -s /nowhere /dev/shm/chandler-${uid}`,
    ]) {
      await onHost(
        `rm -rf /dev/shm/chandler-${uid} /home/bash/secrets; ${made}; chown -h dash /dev/shm/chandler-${uid}`,
      );
      expect((await provision(executorOf('bash'))).state).toMatchObject({ kind: 'exited', code: 0 });
      expect((await onHost('stat -c "%U %a" /home/bash/.local/state/chandler/run/secrets')).trim()).toBe(
        'bash 700',
      );
    }
    await onHost(`rm -rf /dev/shm/chandler-${uid}`);
  });

  it.each([
    ['rc-other-shell: exec fish', 'exec fish', /replaces the shell/, /exec of another shell/],
    ['rc-other-shell: exec zsh', 'exec zsh', /replaces the shell/, /exec of another shell/],
    [
      'rc-other-shell: exit 1',
      'echo sorry >&2; exit 1',
      /\(exit 1\); standard error: “sorry”/,
      /~\/\.bashrc/,
    ],
    ['rc-other-shell: PATH', 'export PATH=$HOME/bin', /no sh on its PATH \(\/home\/bash\/bin\)/, /PATH/],
    ['standard input read', 'cat >/dev/null', /reads the standard input/, /interactive/],
    ['the first line of standard input read', 'read -r line', /reads the standard input/, /interactive/],
    ['standard output redirected', 'exec >/dev/null', /redirects the standard output/, /redirection/],
    ['a missing program', 'exec /no/such/program', /ends or replaces the shell.*no\/such/, /exec/],
    [
      '3 MB and exit',
      'echo first; yes | head -c 3000000; echo last; exit 0',
      /“first \| y .*\| last”/,
      /exit/,
    ],
  ])('reports the cause: %s', async (_, text, message, advice) => {
    await bashrc(text);
    const error = await failure(provision(executorOf('bash')));
    expect(`${error.code}: ${error.message}`).toMatch(/^login-interferes: /);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
    expect(error.message.length).toBeLessThan(2000);
    expect(error.advice).toMatch(advice);
    expect(error.retryable).toBe(false);
  });

  it.each([
    ['a startup file that never ends', 'echo waiting for a lock; sleep 600', /“waiting for a lock”/],
    ['a startup file that restarts itself', 'echo again; sleep 0.2; exec bash -c "sleep 600"', /“again/],
  ])('reports %s, and tries again with more time', async (_, text, printed) => {
    await bashrc(text);
    const error = await failure(provision(executorOf('bash')));
    expect(error.code).toBe('connection-lost');
    expect(error.message).toMatch(/did not begin within .*: a startup file of the login shell, or a forced/);
    expect(error.message).toMatch(printed);
    expect(error.advice).toMatch(/~\/\.bashrc.*ForceCommand/);
    await bashrc('sleep 9');
    expect(await executorOf('bash').exec(sh('true'))).toMatchObject({ code: 0 });
    expect((await openHost({ executor: executorOf('bash'), programs: loadPrograms() })).facts.uid).not.toBe(
      0,
    );
  });

  it.each([
    ['a disk that does not finish writing', hanging('sync'), 'bash'],
    ['a tool that hangs', hanging('sha256sum'), 'bash'],
    ['a forced command that keeps the input open', '', 'open'],
  ])('reports %s', async (_, text, user) => {
    await bashrc(text);
    const error = await failure(openHost({ executor: executorOf(user), programs: loadPrograms() }));
    expect(error.code).toBe('connection-lost');
    expect(error.message).toMatch(
      /began, but did not answer within .*hangs, or what runs the command keeps its/,
    );
    expect(error.advice).toMatch(/ps axf.*sync.*script/);
    await bashrc('rm -rf ~/bin');
    await executorOf('bash').exec(sh('true'));
  });

  it.each([
    ['is closed to the user', 'chmod 600 /dev/null'],
    ['is a file of root', 'mv /dev/null /dev/null.real; touch /dev/null; chmod 644 /dev/null'],
    ['is a file', 'mv /dev/null /dev/null.real; touch /dev/null; chmod 666 /dev/null'],
    ['is missing', 'mv /dev/null /dev/null.real'],
  ])('reports a /dev/null that %s', async (_, command) => {
    await bashrc('');
    await onHost(command);
    const error = await failure(openHost({ executor: executorOf('bash'), programs: loadPrograms() }));
    await onHost('[ ! -e /dev/null.real ] || mv -f /dev/null.real /dev/null; chmod 666 /dev/null');
    expect(`${error.code}: ${error.message}`).toMatch(
      /^host-unsupported: probe: the login user cannot write to \/dev\/null, or it is no device: .*mknod/,
    );
  });

  describe('whose PAM refuses the account', () => {
    const usePam = async (value: 'yes' | 'no') => {
      await onHost(`sed -i 's/^UsePAM .*/UsePAM ${value}/' /etc/sandbox/sshd_config`);
      await sandboxSshd(host, 'stop');
      await sandboxSshd(host, 'start');
    };
    beforeAll(() => usePam('yes'));
    afterAll(() => usePam('no'));

    it.each([
      ['is expired', 'chage -E 1 tcsh', 'chage -E -1 tcsh', 'auth-failed', /account has expired/, /chage/],
      [
        'may not log in while the host starts',
        'echo "System is booting up. Unprivileged users are not permitted to log in yet." >/run/nologin',
        'rm /run/nologin',
        'host-unreachable',
        /“System is booting up\. .*yet\.”/,
        /nologin.*tries again/,
      ],
      [
        'is refused in the words of an administrator',
        'echo "Maintenance until 6" >/etc/why; cp /etc/pam.d/sshd /root; sed -i "1i account requisite pam_echo.so file=/etc/why\\naccount requisite pam_deny.so" /etc/pam.d/sshd',
        'cp /root/sshd /etc/pam.d/sshd',
        'host-unreachable',
        /“Maintenance until 6”/,
        /may be starting/,
      ],
    ])(
      'reports an account that %s, and logs in afterwards',
      async (_, change, restore, code, said, advice) => {
        await onHost('rm -f /home/tcsh/.tcshrc');
        await sandboxSshd(host, 'drop');
        await onHost(`PATH=$PATH:/usr/sbin:/sbin; ${change}`);
        const error = await failure(executorOf('tcsh').exec(sh('true')));
        await onHost(`PATH=$PATH:/usr/sbin:/sbin; ${restore}`);
        expect(error.code).toBe(code);
        expect(error.message).toMatch(said);
        expect(error.advice).toMatch(advice);
        expect(await executorOf('tcsh').exec(sh('true'))).toMatchObject({ code: 0 });
      },
    );
  });

  it('step-edits-bashrc: works after a step makes the startup file print, and reports one that exits', async () => {
    await bashrc('');
    const { host } = await openHost({ executor: executorOf('bash'), programs: loadPrograms() });
    const launch = (name: string) => makeLaunch('edits', name, 'finalizer', 1);
    const edit = (text: string) => ({ script: `echo '${text}' >>~/.bashrc; sleep 1`, env: {} });
    await startLaunch(host, launch('prints'), edit('printf "\\033[?25h\\033[0G\\033[K"'));
    expect(await host.wait(launch('prints').id)).toMatchObject({ kind: 'exited', code: 0 });
    expect(await host.kill(launch('prints').id, { graceS: 0 })).toMatchObject({ left: 0 });
    await startLaunch(host, launch('exits'), edit('exit 0'));
    const error = await failure(
      host.state(launch('exits').id).then(async () => {
        await new Promise((resolve) => setTimeout(resolve, 500));
        return host.state(launch('exits').id);
      }),
    );
    expect(error.code).toBe('login-interferes');
  });
});
