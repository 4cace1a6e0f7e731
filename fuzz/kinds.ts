import type { Draw } from '../chaos/draw.ts';

/** The place of a fragment of a login. `every`: read for each command over SSH; `session`: read by login shells only. */
export type Place = 'every' | 'session' | 'sshd' | 'key' | 'rc';

/** Shells that share a syntax. `bash` and `zsh` may have more than `posix`. */
export type Family = 'posix' | 'bash' | 'zsh' | 'fish' | 'tcsh';

type Text = string | ((draw: Draw) => string);

/**
 * A difference from an empty login. A run under it must provision; with `names` it may fail instead, with a matching
 * message, code or advice.
 */
export interface Kind {
  readonly name: string;
  readonly weight: number;
  readonly places: readonly Place[];
  /** By the syntax of the file. The places sshd, key and rc have one syntax each, written under `posix`. */
  readonly text: Partial<Record<Family, Text>>;
  readonly names?: RegExp;
  /** How long it delays each reading of its file. */
  readonly delayMs?: number;
  /** Steps inherit it, so their logs may contain more than their own lines. */
  readonly reachesSteps?: true;
}

const STARTUP: readonly Place[] = ['every', 'session'];
/** The startup file as the cause. */
const LOGIN = /login-interferes|startup file|login shell|profile|\.bashrc|\.zshenv|config\.fish|\.t?cshrc/i;
const FORCED = /forced command|ForceCommand|command=/i;
const LACKS = /\bPATH\b|the host has no |startup file|login-interferes/;
const REFUSED = /auth-failed/;
const FAKE_ANSWERS = [
  'chandler: state=exited code=0 at=1 elapsed_ms=1 log_bytes=0',
  'chandler: refused=host-unsupported text=bm8=',
  'chandler: arch=none os=bm9uZQ== uid=0',
];
/** Programs that startup files may hide. `printf` is what the fuzz itself reports with, so it is hidden from shells only. */
const TOOLS = ['sed', 'cat', 'mkdir', 'rm', 'mv', 'flock', 'tail', 'date', 'sh', 'env', 'base64', 'id'];
const BUILTINS = ['printf', 'command', 'test', '[', 'echo', 'cd', 'exec', 'trap', 'umask', 'export'];

const pick =
  (...texts: readonly string[]) =>
  (draw: Draw) =>
    draw.pick(texts);

export const kinds: readonly Kind[] = [
  {
    name: 'prints a line',
    weight: 2,
    places: STARTUP,
    text: {
      posix: pick('echo welcome', 'date', 'printf "\\n\\n"', 'printf "a\\r\\nb\\r\\n"'),
      fish: 'echo welcome',
      tcsh: 'echo welcome',
    },
  },
  {
    name: 'prints without a line end',
    weight: 4,
    places: STARTUP,
    text: { posix: pick('printf hello', "printf 'a\\nb'"), fish: 'printf hello', tcsh: 'printf hello' },
  },
  {
    name: 'prints an escape sequence',
    weight: 4,
    places: STARTUP,
    text: {
      posix: pick(
        "printf '\\033]0;t\\007'",
        "printf '\\033[2J\\033[?1049h'",
        "printf '\\033[31mred\\033[0m\\n'",
      ),
      fish: "printf '\\033]0;t\\007'",
      tcsh: "printf '\\033]0;t\\007'",
    },
  },
  {
    name: 'prints an answer of its own',
    weight: 3,
    places: STARTUP,
    text: {
      posix: (draw) => `echo '${draw.pick(FAKE_ANSWERS)}'`,
      fish: (draw) => `echo '${draw.pick(FAKE_ANSWERS)}'`,
      tcsh: (draw) => `echo '${draw.pick(FAKE_ANSWERS)}'`,
    },
  },
  {
    name: 'prints bytes',
    weight: 2,
    places: STARTUP,
    text: {
      posix: pick("printf '\\000\\001\\377\\n'", "printf '\\377\\376'"),
      fish: "printf '\\001\\002\\n'",
      tcsh: "printf '\\000\\001\\377'",
    },
  },
  {
    name: 'prints a megabyte',
    weight: 2,
    places: STARTUP,
    text: {
      posix: pick("head -c 1000000 /dev/zero | tr '\\000' x", 'yes hello | head -c 1000000'),
      fish: 'yes hello | head -c 1000000',
      tcsh: 'yes hello | head -c 1000000',
    },
  },
  {
    name: 'prints on standard error',
    weight: 2,
    places: STARTUP,
    text: {
      posix: pick('echo oops >&2', 'nosuchcommand --init', 'printf oops >&2'),
      fish: pick('echo oops >&2', 'nosuchcommand --init'),
      tcsh: 'sh -c "echo oops >&2"',
    },
  },
  {
    name: 'exits',
    weight: 5,
    places: STARTUP,
    text: {
      posix: pick('exit 0', 'exit 1', 'exit 77', 'echo no shell here; exit 0', 'kill -9 $$'),
      fish: pick('exit 0', 'exit 1'),
      tcsh: pick('exit 0', 'exit 1'),
    },
    names: LOGIN,
  },
  {
    name: 'becomes another shell',
    weight: 5,
    places: STARTUP,
    text: {
      posix: pick('exec fish', 'exec fish -l', 'exec tcsh', 'exec dash', 'exec cat', 'exec true'),
      fish: pick('exec dash', 'exec tcsh', 'exec true'),
      tcsh: pick('exec dash', 'exec fish', 'exec true'),
    },
    names: LOGIN,
  },
  {
    name: 'starts a multiplexer',
    weight: 1,
    places: STARTUP,
    text: {
      posix: pick('[ -n "$TMUX" ] || exec tmux new-session -A -s main', 'exec tmux attach'),
      fish: 'exec tmux attach',
      tcsh: 'exec tmux attach',
    },
    names: LOGIN,
  },
  {
    name: 'sleeps',
    weight: 2,
    places: ['every'],
    text: { posix: 'sleep 1', fish: 'sleep 1', tcsh: 'sleep 1' },
    delayMs: 1000,
  },
  {
    name: 'sleeps long',
    weight: 3,
    places: ['session'],
    text: { posix: 'sleep 8', fish: 'sleep 8', tcsh: 'sleep 8' },
    delayMs: 8000,
  },
  {
    name: 'aliases',
    weight: 3,
    places: STARTUP,
    text: {
      posix: pick(
        "alias cat=false sed='echo no' rm='rm -i' mkdir='mkdir -v'",
        'alias sh=false',
        "alias grep='grep --color=always' ls='ls -F' mv='mv -i' cd='cd -P'",
      ),
      fish: pick('alias cat false', 'alias rm "rm -i"', 'alias sh false'),
      tcsh: pick('alias cat false', 'alias sh false', "alias precmd 'echo prompt'", "alias cd 'cd \\!*; ls'"),
    },
    names: LOGIN,
  },
  {
    name: 'functions named like tools',
    weight: 4,
    places: STARTUP,
    text: {
      posix: (draw) => {
        const tools = [draw.pick(TOOLS), draw.pick(TOOLS)];
        return tools.map((tool) => `${tool}() { echo "no ${tool}"; return 1; }`).join('\n');
      },
      bash: (draw) => {
        const names = [draw.pick([...TOOLS, ...BUILTINS]), draw.pick(BUILTINS)];
        return names.map((name) => `function ${name} { return 1; }`).join('\n');
      },
      fish: (draw) => `function ${draw.pick(TOOLS)}; return 1; end`,
    },
    names: LOGIN,
  },
  {
    name: 'exported functions',
    weight: 3,
    places: STARTUP,
    text: {
      bash: (draw) => {
        const names = [draw.pick(TOOLS), draw.pick(['command', 'test', 'umask', 'sleep'])];
        return names.map((name) => `${name}() { return 1; }; export -f ${name}`).join('\n');
      },
    },
    names: LOGIN,
  },
  {
    name: 'traps',
    weight: 5,
    places: STARTUP,
    text: {
      posix: pick("trap 'echo bye' EXIT", "trap 'exit 3' EXIT", "trap '' TERM INT", "trap '' PIPE"),
      bash: pick(
        'trap \'echo "+ $BASH_COMMAND"\' DEBUG',
        "shopt -s extdebug; trap 'false' DEBUG",
        "trap 'exit 9' ERR",
        "set -T; trap 'printf .' DEBUG",
        "trap 'echo bye' EXIT",
        "trap 'exit 3' EXIT",
      ),
      zsh: pick("trap 'echo dbg' DEBUG", "trap 'echo bye' EXIT", "trap 'exit 9' ZERR"),
      fish: pick('function bye --on-event fish_exit; echo bye; end', 'trap "echo bye" EXIT'),
      tcsh: pick('onintr -', "alias postcmd 'echo ran'"),
    },
    names: LOGIN,
  },
  {
    name: 'ignores hang-ups',
    weight: 2,
    places: STARTUP,
    text: { posix: pick("trap '' HUP", "trap '' HUP TERM PIPE"), tcsh: 'nohup' },
  },
  {
    name: 'changes the directory',
    weight: 2,
    places: STARTUP,
    text: {
      // With set -e, a failed command is an exit.
      posix: pick('cd /tmp', 'cd /', 'cd /nowhere || :'),
      fish: pick('cd /tmp', 'cd /nowhere'),
      tcsh: pick('cd /tmp', 'cd /'),
    },
  },
  {
    name: 'leaves itself without a directory',
    weight: 1,
    places: STARTUP,
    text: {
      posix: 'mkdir -p ~/gone; cd ~/gone; rmdir ~/gone',
      tcsh: 'mkdir -p ~/gone; cd ~/gone; rmdir ~/gone',
    },
    reachesSteps: true,
  },
  {
    name: 'sets options',
    weight: 4,
    places: STARTUP,
    text: {
      posix: pick('set -e', 'set -u', 'set -x', 'set -f', 'set -C', 'set -eu', 'set -v', 'set -a', 'set -m'),
      zsh: pick(
        'setopt err_exit',
        'setopt no_unset',
        'emulate sh',
        'setopt no_nomatch glob_subst',
        'setopt xtrace',
      ),
      fish: pick('set fish_trace 1', 'status job-control full', 'set -g fish_greeting hello'),
      tcsh: pick(
        'set echo',
        'set verbose',
        'set noclobber',
        'set noglob',
        'set printexitvalue',
        'unset csubstnonl',
      ),
    },
  },
  {
    name: 'runs nothing (set -n)',
    weight: 1,
    places: STARTUP,
    text: { posix: 'set -n', tcsh: 'exec true' },
    names: LOGIN,
  },
  {
    name: 'exports its options',
    weight: 2,
    places: STARTUP,
    text: { bash: (draw) => `set -${draw.pick(['u', 'f', 'e', 'x', 'C'])}; export SHELLOPTS` },
    names: LOGIN,
    reachesSteps: true,
  },
  {
    name: 'changes PATH',
    weight: 4,
    places: STARTUP,
    text: {
      posix: pick(
        'export PATH=$HOME/bin',
        'export PATH=',
        'export PATH=/usr/bin:/bin',
        'export PATH=:$PATH',
        'unset PATH',
      ),
      fish: pick('set -gx PATH ~/bin', 'set -gx PATH /usr/bin /bin'),
      tcsh: pick('setenv PATH ~/bin', 'set path = (/usr/bin /bin)'),
    },
    names: LACKS,
  },
  {
    name: 'has a file for every interactive shell (ENV)',
    weight: 1,
    places: ['session'],
    text: { posix: 'export ENV=/srv/fuzz/interactive' },
    names: LOGIN,
  },
  {
    name: 'changes IFS',
    weight: 2,
    places: STARTUP,
    text: { posix: pick('IFS=x', 'export IFS=/', 'IFS=', 'export IFS=a=0') },
  },
  {
    name: 'changes the umask',
    weight: 2,
    places: STARTUP,
    text: {
      posix: pick('umask 000', 'umask 077', 'umask 777', 'umask 022'),
      fish: pick('umask 077', 'umask 000'),
      tcsh: pick('umask 077', 'umask 000'),
    },
    names: /umask|permission|unwritable/i,
  },
  {
    name: 'changes the locale',
    weight: 2,
    places: STARTUP,
    text: {
      posix: pick(
        'export LANG=xx_XX.nothing',
        'export LC_ALL=tr_TR.UTF-8',
        'export LC_ALL=C',
        'export LC_ALL=C LANG=C',
      ),
      fish: pick('set -gx LANG xx_XX', 'set -gx LC_ALL C'),
      tcsh: pick('setenv LANG xx_XX', 'setenv LC_ALL C'),
    },
    names: /locale|LC_ALL|LANG/,
    // bash warns of a missing locale each time it starts.
    reachesSteps: true,
  },
  {
    name: 'changes TERM',
    weight: 1,
    places: STARTUP,
    text: {
      posix: pick('export TERM=nothing', 'export TERM=dumb', 'unset TERM', 'export TERM='),
      fish: 'set -gx TERM nothing',
      tcsh: 'setenv TERM dumb',
    },
  },
  {
    name: 'changes HOME',
    weight: 2,
    places: STARTUP,
    text: {
      posix: pick('export HOME=/nowhere', 'unset HOME', 'export HOME=$HOME/other'),
      fish: 'set -gx HOME /nowhere',
      tcsh: 'setenv HOME /nowhere',
    },
    names: /HOME|nowhere|state-directory-unwritable/,
  },
  {
    name: 'changes what tools read',
    weight: 2,
    places: STARTUP,
    text: {
      posix: pick(
        'export POSIXLY_CORRECT=1',
        'export GREP_OPTIONS=--color=always GREP_COLORS=mt=31',
        'export CDPATH=.:/tmp:/',
        'export TMPDIR=/nowhere',
        'export TZ=Nowhere/Nothing BLOCK_SIZE=human-readable LS_BLOCK_SIZE=1 DF_BLOCK_SIZE=1',
        'export BASH_ENV=/nowhere ENV=/nowhere',
        'export XDG_STATE_HOME=relative XDG_RUNTIME_DIR=/nowhere',
        'export TMUX=/nowhere,1,0 ZMX_SESSION=none ZMX_DIR=/nowhere',
      ),
      fish: pick('set -gx POSIXLY_CORRECT 1', 'set -gx TMPDIR /nowhere', 'set -gx CDPATH . /tmp'),
      tcsh: pick('setenv POSIXLY_CORRECT 1', 'setenv TMPDIR /nowhere'),
    },
    names: /TMPDIR|XDG_STATE_HOME|\/nowhere/,
  },
  {
    name: 'starts a job that prints later',
    weight: 3,
    places: STARTUP,
    text: {
      posix: pick(
        '(sleep 1; echo late) &',
        '(sleep 1; echo late >&2) &',
        'sleep 1 &',
        'nohup sleep 5 >/dev/null 2>&1 &',
      ),
      fish: "sh -c 'sleep 1; echo late' &",
      tcsh: "sh -c 'sleep 1; echo late' &",
    },
    // A command over SSH ends when the last process closes its output.
    delayMs: 1000,
  },
  {
    name: 'reads its input',
    weight: 4,
    places: STARTUP,
    text: {
      posix: pick(
        'read -r line',
        'read -r code; echo "code: $code"',
        'cat >/dev/null',
        'head -c 10 >/dev/null',
      ),
      bash: pick('read -p "code: " code', 'read -r -t 1 line', 'read -r -n 1 key', 'mapfile lines'),
      fish: 'read line',
      tcsh: 'set line = $<',
    },
    names: /startup file|login-interferes|login shell|reads? (its|the)? ?(terminal|input)|input/i,
  },
  {
    name: 'sets the terminal',
    weight: 2,
    places: STARTUP,
    text: {
      posix: pick('stty sane', 'stty -echo', 'stty raw -echo', 'stty rows 3 cols 20', 'tput clear', 'clear'),
      fish: 'stty sane',
      tcsh: pick('stty sane', 'stty erase ^H'),
    },
  },
  {
    name: 'redirects its output',
    weight: 4,
    places: STARTUP,
    text: {
      posix: pick(
        'exec 2>&1',
        'exec >/dev/null',
        'exec >>$HOME/login.log',
        'exec 2>/dev/null',
        'exec </dev/null',
        'exec >/dev/null 2>&1',
        'exec 3>&1 8>&1 9>&1',
      ),
      bash: pick('exec > >(sed s/a/b/)', 'exec 2> >(cat >&1)', 'exec >&-', 'exec >/dev/full'),
    },
    names: LOGIN,
  },
  {
    name: 'limits resources',
    weight: 3,
    places: STARTUP,
    text: {
      posix: pick('ulimit -n 20', 'ulimit -f 40', 'ulimit -c 0', 'ulimit -v 400000'),
      bash: pick('ulimit -u 30', 'ulimit -n 8', 'ulimit -t 60', 'ulimit -s 256'),
      fish: pick('ulimit -n 20', 'ulimit -c 0'),
      tcsh: pick('limit descriptors 20', 'limit coredumpsize 0'),
    },
    names:
      /limit|Too many|too large|resource|descriptor|fork|memory|disk-full|login-interferes|startup file/i,
  },
  {
    name: 'has a syntax error',
    weight: 2,
    places: STARTUP,
    text: {
      posix: pick('if then', 'echo "unterminated', 'foo(', '}'),
      fish: pick('if', 'end end'),
      tcsh: pick('if ( 1 ) then', 'foreach'),
    },
    names: LOGIN,
  },
  {
    name: 'forces a command that refuses',
    weight: 4,
    places: ['sshd'],
    text: {
      posix: pick(
        'ForceCommand echo restricted',
        'ForceCommand /usr/sbin/nologin',
        'ForceCommand internal-sftp',
        'ForceCommand /bin/false',
        'ForceCommand cat /etc/motd',
      ),
    },
    names: FORCED,
  },
  {
    name: 'forces a command that passes on',
    weight: 2,
    places: ['sshd'],
    text: { posix: pick('ForceCommand /srv/fuzz/pass-on', 'ForceCommand /srv/fuzz/audit') },
  },
  {
    name: 'has a banner',
    weight: 2,
    places: ['sshd'],
    text: { posix: 'Banner /srv/fuzz/banner' },
  },
  {
    name: 'is set an environment by sshd',
    weight: 2,
    places: ['sshd'],
    text: {
      posix: pick(
        'SetEnv LANG=xx_XX TERM=nothing',
        'SetEnv HOME=/nowhere',
        'SetEnv PATH=/nowhere',
        'SetEnv SHELL=/bin/false',
        'SetEnv BASH_ENV=/srv/fuzz/bash-env',
        'SetEnv LC_ALL=C TMPDIR=/nowhere',
      ),
    },
    names: /PATH|HOME|nowhere|TMPDIR|not found|has no |login-interferes/,
    reachesSteps: true,
  },
  {
    name: 'has few sessions',
    weight: 3,
    places: ['sshd'],
    text: { posix: pick('MaxSessions 1', 'MaxSessions 1', 'MaxSessions 2') },
  },
  {
    name: 'has no sessions',
    weight: 1,
    places: ['sshd'],
    text: { posix: 'MaxSessions 0' },
    names: /MaxSessions|channel-refused/,
  },
  {
    name: 'has a harmless directive',
    weight: 2,
    places: ['sshd'],
    text: {
      posix: pick(
        'PermitTTY no',
        'PermitUserRC no',
        'DisableForwarding yes',
        'AcceptEnv *',
        'RekeyLimit 64K',
        'ClientAliveInterval 1',
        'LogLevel QUIET',
        'X11Forwarding yes',
      ),
    },
  },
  {
    name: 'refuses the login',
    weight: 1,
    places: ['sshd'],
    text: { posix: pick('PubkeyAuthentication no', 'AuthorizedKeysFile none', 'DenyUsers *') },
    names: REFUSED,
  },
  {
    name: 'has a key that forces a command',
    weight: 3,
    places: ['key'],
    text: {
      posix: pick('command="echo restricted"', 'command="/usr/bin/true"', 'restrict,command="rrsync /"'),
    },
    names: FORCED,
  },
  {
    name: 'has a key that passes on',
    weight: 2,
    places: ['key'],
    text: { posix: pick('command="/srv/fuzz/pass-on"', 'command="/srv/fuzz/audit"') },
  },
  {
    name: 'has a key with options',
    weight: 2,
    places: ['key'],
    text: {
      posix: pick(
        'restrict',
        'no-pty,no-user-rc',
        'environment="LANG=xx_XX"',
        'environment="FOO=bar baz"',
        'environment="BASH_ENV=/srv/fuzz/bash-env"',
      ),
    },
    reachesSteps: true,
  },
  {
    name: 'has a key that sets PATH',
    weight: 1,
    places: ['key'],
    text: { posix: 'environment="PATH=/nowhere"' },
    names: LACKS,
  },
  {
    name: 'has a key that refuses',
    weight: 1,
    places: ['key'],
    text: { posix: pick('from="192.0.2.1"', 'expiry-time="20200101"') },
    names: REFUSED,
  },
  {
    name: 'has a program at login (~/.ssh/rc)',
    weight: 3,
    places: ['rc'],
    text: {
      posix: pick('echo rc', 'printf rc', 'exit 1', 'cat >/dev/null', 'echo rc >&2', 'printf "\\033[2J"'),
    },
  },
];
