#!/bin/sh
# zmx 0.7.0's command line on the host's tmux, for hosts that cannot run the real program. It has the commands that Chandler uses,
# and those with which people attach to, read and end sessions. One file, because it is installed as one.
# Each session has a tmux server whose socket has the session's name: environment, directory and PATH are those of the first
# `run`, a session ends alone, and the socket file is the session, as with zmx. The state of a session (run, end) is held
# in options of its server, so there is nothing to clean up. Differences from zmx are listed in test/zmx/shim.test.ts.
set -u
unset TMUX TMUX_PANE
# The session in which this call runs.
self=${ZMX_SESSION-}
version=0.7.0
nl='
'
tab='	'

main() {
  # A closed standard output must not be an error.
  [ ! -d /proc/self/fd ] || [ -e /proc/self/fd/1 ] || exec >/dev/null
  [ ! -d /proc/self/fd ] || [ -e /proc/self/fd/2 ] || exec 2>/dev/null
  socket_dirs
  command=${1:-list}
  [ $# -eq 0 ] || shift
  case $command in
    version | v | -v | --version) show_version ;;
    list | ls | l) list_command "$@" ;;
    run | r) run_command "$@" ;;
    history | hi) history_command "$@" ;;
    kill | k) kill_command "$@" ;;
    attach | a) attach_command "$@" ;;
    detach | d) detach_command ;;
    send | s | print | p | write | wr | wait | w | tail | t | get | g | set | clear)
      fail "$command is not supported by this zmx, which is a shim over tmux" ;;
    *) show_help ;;
  esac
}

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}
# bytes TEXT: its length in bytes, whatever the locale.
bytes() (
  LC_ALL=C
  echo "${#1}"
)
# help_if_asked ARGUMENT...: ends the program with the help if one of them asks for it.
help_if_asked() {
  for argument; do
    case $argument in --help | -h) show_help; exit ;; esac
  done
}

# --- directories ---

socket_dirs() {
  if [ "${ZMX_DIR+set}" ]; then
    socket_dir=$ZMX_DIR
    log_dir=$ZMX_DIR/logs
  else
    temp_dir=${TMPDIR-/tmp}
    while [ "${temp_dir%/}" != "$temp_dir" ]; do temp_dir=${temp_dir%/}; done
    temp_dir=$temp_dir/zmx-$(id -u)
    if [ "${XDG_RUNTIME_DIR+set}" ]; then socket_dir=$XDG_RUNTIME_DIR/zmx; else socket_dir=$temp_dir; fi
    if [ "${XDG_STATE_HOME+set}" ]; then
      log_dir=$XDG_STATE_HOME/zmx/logs
    elif [ "${HOME+set}" ]; then
      log_dir=$HOME/.local/state/zmx/logs
    else
      log_dir=$temp_dir
    fi
  fi
  case $socket_dir in
    '') fail BadPathName ;;
    /*) ;;
    *)
      echo "panic: the socket directory must be absolute: $socket_dir" >&2
      exit 134
      ;;
  esac
  make_dir "$socket_dir"
  make_dir "$log_dir"
}

# make_dir PATH: creates it and its parents with ZMX_DIR_MODE minus the umask.
make_dir() {
  if [ ! -d "$1" ]; then
    mode=${ZMX_DIR_MODE:-0750}
    case $mode in *[!0-7]* | '') mode=0750 ;; esac
    error=$(
      umask "$(printf '%04o' $((0$(umask) | (0777 & ~0$mode))))"
      LC_ALL=C mkdir -p -- "$1" 2>&1
    ) || case $error in
      *'ermission denied'* | *'not permitted'*) fail AccessDenied ;;
      *'ead-only'*) fail ReadOnlyFileSystem ;;
      *'o space'*) fail NoSpaceLeft ;;
      *) fail NotDir ;;
    esac
  fi
  if [ ! -w "$1" ] || [ ! -x "$1" ]; then fail AccessDenied; fi
}

# --- names ---

# resolve NAME: sets name and socket. As with zmx, a name that cannot be a file of the socket directory exits silently; one that
# is too long for a socket exits with a message and 0.
resolve() {
  valid_name "$1"
  if [ $((${#socket_dir} + ${#name} + 1)) -gt 26 ] && [ "$(bytes "$socket")" -gt 107 ]; then
    room=$((106 - $(bytes "$socket_dir")))
    if [ $room -le 0 ]; then
      printf 'error: socket directory path is too long ("%s")\n' "$socket_dir" >&2
    else
      printf 'error: session name is too long (%s bytes, max %s for socket directory "%s")\n' \
        "$(bytes "$name")" $room "$socket_dir" >&2
    fi
    exit 0
  fi
}
valid_name() {
  name=${ZMX_SESSION_PREFIX-}$1
  case $name in '' | */* | . | ..) exit 1 ;; esac
  socket=$socket_dir/$name
}
refuse_other_file() { if [ -e "$socket" ] && [ ! -S "$socket" ]; then exit 1; fi; }

# each_session FUNCTION: calls it for each session, in byte order of the names, with name and socket set.
each_session() {
  LC_ALL=C
  hidden=
  for socket in "$socket_dir"/.*; do [ ! -S "$socket" ] || hidden=yes; done
  if [ -z "$hidden" ]; then
    for socket in "$socket_dir"/*; do each_call "$1"; done
    return
  fi
  first=$(printf '\001')
  for socket in "$socket_dir"/*; do case ${socket##*/} in ["$first"--]*) each_call "$1" ;; esac done
  for socket in "$socket_dir"/.*; do each_call "$1"; done
  for socket in "$socket_dir"/*; do case ${socket##*/} in ["$first"--]*) ;; *) each_call "$1" ;; esac done
}
each_call() {
  [ -S "$socket" ] || return 0
  name=${socket#"$socket_dir/"}
  "$1"
}

# --- the tmux server of a session ---

# find_program NAME: sets found to its path. Unlike `$(command -v NAME)`, it starts no process.
find_program() {
  found=
  set -f
  IFS=:
  for dir in $PATH; do
    if [ -f "${dir:-.}/$1" ] && [ -x "${dir:-.}/$1" ]; then
      found=${dir:-.}/$1
      break
    fi
  done
  unset IFS
  set +f
  [ -n "$found" ]
}
tmux_path() {
  find_program tmux || fail 'tmux not found (this zmx is a shim over tmux)'
  tmux=$found
}
session_tmux() { "$tmux" -u -S "$socket" "$@"; }
# ask ...: runs a tmux command with a timeout, because a stopped server never answers.
ask() { timeout -s KILL "${patience:-1}" "$tmux" -u -S "$socket" "$@" 2>/dev/null </dev/null; }

# alive PID: false for a zombie, which stays for ever in a container without an init.
alive() {
  { IFS= read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  case ${stat##*) } in [ZX]*) return 1 ;; esac
}
# end_server PID: ends it and returns once it is gone.
end_server() {
  tries=0
  while alive "$1" && [ $tries -lt 300 ]; do
    if [ $tries -eq 0 ]; then kill -TERM "$1"; fi
    if [ $tries -eq 100 ]; then kill -KILL "$1"; fi
    sleep 0.01
    tries=$((tries + 1))
  done 2>/dev/null
}

# probe FORMAT: sets answer, and status: ok, refused (server dead, socket now removed), gone, Timeout or Unexpected.
probe() {
  tries=0
  while :; do
    status=ok
    # tmux passes its stdout to the server. If the server is stopped, this pipe has no end, so the last line ends the answer. The
    # answer has lines of its own: directories and commands may hold line ends.
    answer=$(
      {
        timeout -s KILL 1 "$tmux" -u -S "$socket" display-message -p "#{?pane_dead,dead #{pid},=$1}" 2>&1
        printf '\n%s\n' "exit $$ $?"
      } </dev/null 2>/dev/null | {
        text='' begun=''
        while IFS= read -r line; do
          case $line in
            "exit $$ "*) break ;;
            # The dynamic linker may have printed warnings before (a missing file in /etc/ld.so.preload).
            =* | dead\ *)
              [ -n "$begun" ] || text=''
              begun=yes
              ;;
          esac
          text=${text:+$text$nl}$line
        done
        printf %s "${line#"exit $$ "}$text"
      }
    )
    case $answer in
      0dead*)
        # When a pty ends, tmux 3.3a calls libutempter, which may swallow the shell's SIGCHLD; the server would then wait for
        # ever.
        status=gone
        rm -f -- "$socket"
        end_server "${answer#0dead }"
        return
        ;;
      0=*)
        answer=${answer#0=}
        return
        ;;
      124* | 137*) status=Timeout ;;
      *'no server running'*) status=refused ;;
      *) status=Unexpected ;;
    esac
    [ -S "$socket" ] || status=gone
    [ "$status" = Unexpected ] || break
    # The server is starting or ending.
    tries=$((tries + 1))
    [ $tries -lt 25 ] || break
    sleep 0.02
  done
  if [ "$status" = refused ]; then rm -f -- "$socket"; fi
}

# The end of a command is the marker in the pty's output. The output is read from a pipe that is opened just before the command is
# typed, so that the end of an earlier command does not count, and the end is recorded only if no later run has begun. grep ends
# at the first match and closes the pipe. After a command that leaves the terminal raw, no carriage return precedes the line feed.
# shellcheck disable=SC2016 # expanded by the shell that tmux starts
monitor='
marker=$(LC_ALL=C grep -a -m 1 -o -E "ZMX_TASK_COMPLETED:(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])($ZMX_SHIM_CR|$)") || exit
code=${marker##*:}
exec "$ZMX_SHIM_TMUX" -S "$ZMX_SHIM_SOCKET" if-shell -F "#{==:#{@run},$run}" \
  "set -sF @ended \"#{T:@now}\" ; set -s @exit_code ${code%$ZMX_SHIM_CR}"'

# Runs on the pty: the shell, without a trace of tmux in its environment.
# shellcheck disable=SC2016
shell='
# If the directory was removed, tmux would start in the home directory instead.
if [ "${ZMX_SHIM_GONE+x}" ] && cd -P "/proc/$PPID/cwd"; then export PWD="$ZMX_SHIM_GONE"; fi 2>/dev/null
unset TMUX TMUX_PANE TERM_PROGRAM TERM_PROGRAM_VERSION TERM SHELL ZMX_SHIM_GONE
if [ "${ZMX_SHIM_TERM+x}" ]; then export TERM="$ZMX_SHIM_TERM"; fi
if [ "${ZMX_SHIM_SHELL+x}" ]; then export SHELL="$ZMX_SHIM_SHELL"; fi
zero=$ZMX_SHIM_ARGV0
unset ZMX_SHIM_TERM ZMX_SHIM_SHELL ZMX_SHIM_ARGV0 ZMX_SHIM_TMUX ZMX_SHIM_SOCKET ZMX_SHIM_MONITOR ZMX_SHIM_CR
if [ "${BASH_VERSION+x}" ]; then exec -a "${zero:-$1}" "$@"; fi
exec "$@"'

# Closes descriptors that a program must not inherit. Those of the shell itself close on exec.
# shellcheck disable=SC2016
closer='
for fd in /proc/$$/fd/*; do
  fd=${fd##*/}
  flags=
  while read -r name value; do [ "$name" != flags: ] || flags=$value; done 2>/dev/null </proc/$$/fdinfo/$fd
  case $flags in "" | *[2367]??????) continue ;; esac
  if [ "$fd" -gt 2 ]; then eval "exec $fd>&-"; fi
done
exec "$@"'

# Runs after the shell has ended: frees the name, lets clients read the last output, ends the server.
# shellcheck disable=SC2016
farewell='rm -f -- "$ZMX_SHIM_SOCKET"; sleep 0.05; kill -TERM $PPID; sleep 1; kill -KILL $PPID'

# create ARGV0 COMMAND...: creates the session with COMMAND on its pty. Returns 1 if the session exists or cannot be created.
create() (
  argv0=$1
  shift
  find_program bash
  bash=$found
  named=${PWD-}
  if cd -P . 2>/dev/null; then directory=$PWD PWD=$named; else directory=; fi
  if [ ${#directory} -gt 64 ]; then directory=$(printf %s "$directory" | head -c 256; echo .) directory=${directory%.}; fi
  quote_all "$@"
  label=$typed
  [ -z "$argv0" ] || label=
  for argument; do
    shift
    # tmux treats a semicolon at the end of a word as the end of the command.
    case $argument in *\;) argument=${argument%;}\\\; ;; esac
    set -- "$@" "$argument"
  done
  for option in label directory; do
    eval "value=\$$option"
    # shellcheck disable=SC2154
    case $value in *\;) eval "$option=\${value%;}\\\\\\;" ;; esac
  done
  unset ZMX_SHIM_TERM ZMX_SHIM_SHELL ZMX_SHIM_GONE
  [ -n "$directory" ] || export ZMX_SHIM_GONE="${PWD-}"
  if [ "${TERM+x}" ]; then export ZMX_SHIM_TERM="$TERM"; fi
  if [ "${SHELL+x}" ]; then export ZMX_SHIM_SHELL="$SHELL"; fi
  export ZMX_SESSION="$name" ZMX_SHIM_ARGV0="$argv0" ZMX_SHIM_TMUX="$tmux" ZMX_SHIM_SOCKET="$socket" \
    ZMX_SHIM_MONITOR="$monitor" ZMX_SHIM_CR="$cr"
  # shellcheck disable=SC2016
  set -- "$tmux" -u -S "$socket" -f /dev/null start-server \; \
    set -g status off \; set -g prefix None \; set -g default-shell /bin/sh \; set -g history-limit 10000 \; set -s escape-time 0 \; \
    set -g update-environment '' \; set -g default-size 120x24 \; unbind-key -a \; unbind-key -a -T root \; \
    set -s @now %s \; set -s @start_dir "$directory" \; set -s @cmd "$label" \; \
    set -gw remain-on-exit on \; \
    set-hook -g pane-died "run-shell -b '$farewell'" \; \
    new-session -d -s zmx -x 120 -y 24 "$bash" --norc --posix -c "$shell" sh "$@" \; \
    set -gwq scroll-on-clear off
  # shellcheck disable=SC1003
  [ "${ZMX_NO_DETACH_KEY+x}" ] || set -- "$@" \; bind-key -n 'C-\' detach-client
  # The server must not hold descriptors that the caller waits for. A shell cannot close those above 9 by itself.
  exec </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  for descriptor in /proc/self/fd/1[1-9] /proc/self/fd/[2-9][0-9] /proc/self/fd/[1-9][0-9][0-9]*; do
    [ -e "$descriptor" ] || continue
    # shellcheck disable=SC2093 # nothing comes after it
    exec "$bash" --norc --posix -c "$closer" sh "$@"
  done
  exec "$@"
)

# ensure ARGV0 COMMAND...: creates the session unless it exists.
ensure() {
  refuse_other_file
  cr=$(printf '\r')
  if [ -S "$socket" ]; then
    probe '#{pane_pid}'
    case $status in
      ok) return ;;
      Timeout | Unexpected) exit 1 ;;
    esac
    # A session that is ending still occupies its name.
    tries=0
    while [ -S "$socket" ] && [ $tries -lt 100 ]; do
      sleep 0.02
      tries=$((tries + 1))
    done
  fi
  if [ "$1" = -bash ] && [ -z "$2" ]; then
    printf 'session "%s" created\n' "$name"
    exit 1
  fi
  if create "$@"; then created=yes; return; fi
  # Another call was faster, or the session cannot be created; in that case tmux prints the reason.
  probe '#{pane_pid}'
  [ "$status" = ok ] && return
  "$tmux" -V >/dev/null
  exit 1
}

# quote_all ARGUMENT...: sets typed to the words, quoted for the shell.
quote_all() {
  typed=
  for argument; do
    case $argument in
      '' | *[]\[\ \"\'\\\$\`\!\(\)\{\}\|\&\;\<\>\?\*\~\#"$tab$nl"]*)
        rest=$argument
        argument="'"
        while :; do
          case $rest in
            *\'*)
              argument="$argument${rest%%\'*}'\\''"
              rest=${rest#*\'}
              ;;
            *) break ;;
          esac
        done
        argument="$argument$rest'"
        ;;
    esac
    typed="$typed $argument"
  done
  typed=${typed# }
}

# type_in: types standard input into the pty.
type_in() { session_tmux load-buffer -b "zmx$$" - \; paste-buffer -r -d -b "zmx$$" >/dev/null 2>&1; }

# --- commands ---

show_version() {
  tmux_path
  # Without a UTF-8 locale tmux refuses even to print its version.
  tmux_version=$("$tmux" -V 2>&1) || fail "$tmux_version"
  # Warnings of the dynamic linker come first.
  tmux_version=${tmux_version##*"$nl"}
  printf 'zmx\t\t%s\nghostty_vt\t%s (chandler shim)\nsocket_dir\t%s\nlog_dir\t\t%s\n' \
    $version "$tmux_version" "$socket_dir" "$log_dir"
}

show_help() {
  cat <<'END'
zmx - session persistence for terminal processes (chandler's shim over tmux)

Usage: zmx <command> [args...]

Commands:
  [a]ttach <name> [command...]     Attach to a session, made if needed; ctrl+\ detaches
  [r]un <name> -d [command...]     Type a command into a session, made if needed
  [d]etach                         Detach all clients of this session
  [l]ist|ls [--short]              List sessions
  [k]ill <name>... [--force]       End sessions
  [hi]story <name>                 Print screen and scrollback
  [v]ersion                        Show version, socket directory and log directory
  [h]elp                           Show this

Environment variables:
  ZMX_DIR, XDG_RUNTIME_DIR, TMPDIR   Where the sockets are, in this order
  ZMX_SESSION                        Name of the session (set inside one)
  ZMX_SESSION_PREFIX                 Put before every name
  ZMX_DIR_MODE                       Mode of directories made (0750)
  ZMX_NO_DETACH_KEY                  Makes ctrl+\ an ordinary key
END
}

row='pid=#{pane_pid}	clients=#{session_attached}	created=#{session_created}#{?@start_dir,	start_dir=#{@start_dir},}#{?@cmd,	cmd=#{@cmd},}#{?@ended,	ended=#{@ended}	exit_code=#{@exit_code},}'

list_command() {
  short=
  help_if_asked "$@"
  for argument; do [ "$argument" != --short ] || short=yes; done
  tmux_path
  seen=
  each_session list_row
  if [ -z "$seen$short" ]; then printf 'no sessions found in %s\n' "$socket_dir" >&2; fi
}
list_row() {
  probe "$row"
  case $status in
    gone) return ;;
    ok) [ -z "${answer##pid=[1-9]*}" ] || return 0 ;;
  esac
  seen=yes
  if [ -n "$short" ]; then
    if [ "$status" = ok ]; then printf '%s\n' "$name"; fi
    return
  fi
  mark='  '
  if [ "$name" = "$self" ]; then mark='→ '; fi
  case $status in
    ok) printf '%sname=%s\t%s\n' "$mark" "$name" "$answer" ;;
    refused) printf '%sname=%s\terr=ConnectionRefused\tstatus=cleaning up\n' "$mark" "$name" ;;
    *) printf '%sname=%s\terr=%s\tstatus=unreachable\n' "$mark" "$name" "$status" ;;
  esac
}

run_command() {
  help_if_asked "${1-}"
  resolve "${1-}"
  [ $# -eq 0 ] || shift
  detached=
  for argument; do
    shift
    case $argument in
      -d*) detached=yes ;;
      *) set -- "$@" "$argument" ;;
    esac
  done
  [ -n "$detached" ] || fail 'run without -d is not supported by this zmx, which is a shim over tmux'
  tmux_path
  created=
  find_program bash
  ensure -bash "$found"
  [ -z "$created" ] || printf 'session "%s" created\n' "$name"
  if [ $# -gt 0 ]; then
    quote_all "$@"
  else
    [ ! -t 0 ] || exit 1
    typed=$(cat; echo .)
    typed=${typed%.}
    [ -n "$typed" ] || exit 1
    typed=${typed%"$nl"}
  fi
  case $typed in
    *'<<'*) typed="$typed$cr${nl}echo ZMX_TASK_COMPLETED:\$?$cr" ;;
    *) typed="$typed; echo ZMX_TASK_COMPLETED:\$?$cr" ;;
  esac
  [ -z "$created" ] || [ ${#typed} -lt 1000 ] || await_line_editor
  printf %s "$typed" | session_tmux load-buffer -b "zmx$$" - \; set -s @run $$ \; set -suq @ended \; set -suq @exit_code \; \
    pipe-pane -O "run=$$; eval \"\$ZMX_SHIM_MONITOR\"" \; paste-buffer -r -d -b "zmx$$" >/dev/null 2>&1 || exit 1
  echo 'command sent!'
}
# await_line_editor: waits for the shell's line editor, because before that a terminal accepts no line above 4095 bytes.
await_line_editor() {
  tty=$(ask display-message -p '#{pane_tty}')
  i=0
  while [ $i -lt 150 ]; do
    case $(stty -F "$tty" -a 2>/dev/null || stty -a <"$tty" 2>/dev/null) in *-icanon*) return ;; esac
    sleep 0.02
    i=$((i + 1))
  done
}

history_command() {
  wanted=
  help_if_asked "$@"
  for argument; do
    case $argument in
      --vt | --html) fail "history $argument is not supported" ;;
      *) [ -n "$wanted" ] || wanted=.$argument ;;
    esac
  done
  if [ -n "$wanted" ]; then resolve "${wanted#.}"; else resolve "$self"; fi
  refuse_other_file
  if [ ! -S "$socket" ]; then
    printf 'error: session "%s" does not exist\n' "$name" >&2
    exit 1
  fi
  tmux_path
  probe '#{pane_pid}'
  [ "$status" = ok ] || return 0
  # Scrollback and screen (only the alternate screen, if that is on) without the empty rows at the end.
  patience=5 ask if-shell -F '#{alternate_on}' 'capture-pane -p' 'capture-pane -p -S -' |
    LC_ALL=C awk 'NF { for (; empty; empty--) printf "\n"; printf "%s%s", sep, $0; sep = "\n"; next } { empty++ }'
}

kill_command() {
  force='' named=
  help_if_asked "$@"
  for argument; do
    case $argument in
      --force) force=yes ;;
      *)
        valid_name "${argument%\*}"
        named=yes
        ;;
    esac
  done
  [ -n "$named" ] || exit 1
  tmux_path
  for argument; do
    [ "$argument" != --force ] || continue
    valid_name "${argument%\*}"
    wanted=$name
    case $argument in
      *\*) each_session kill_prefixed ;;
      *) [ ! -S "$socket" ] || kill_session ;;
    esac
  done
}
kill_prefixed() { case $name in "$wanted"*) kill_session ;; esac }
kill_session() {
  probe '#{pid} #{pane_pid}'
  case $status in
    gone) return ;;
    refused)
      printf 'error: session "%s" does not exist\nfailed to kill session=%s: SessionNotFound\n' "$name" "$name" >&2
      return
      ;;
    ok) ;;
    *)
      if [ -n "$force" ]; then
        rm -f -- "$socket"
        printf 'cleaned up stale session %s\n' "$name"
      else
        # shellcheck disable=SC2016
        printf 'session %s is unresponsive (%s)\ndaemon may be busy: try again, add `--force` flag, or kill the process directly\n' \
          "$name" "$status"
      fi
      return
      ;;
  esac
  server=${answer% *} leader=${answer#* }
  kill -HUP "-$leader" 2>/dev/null || kill -HUP "$leader" 2>/dev/null
  # The name is free once the server is gone.
  end_server "$server"
  [ ! -S "$socket" ] || rm -f -- "$socket"
  if alive "$leader"; then
    (
      sleep 0.5
      kill -KILL "-$leader" 2>/dev/null || kill -KILL "$leader" 2>/dev/null
    ) </dev/null >/dev/null 2>&1 &
  fi
  printf 'killed session %s\n' "$name"
}

attach_command() {
  help_if_asked "${1-}"
  resolve "${1-}"
  [ $# -eq 0 ] || shift
  tmux_path
  if [ -n "$self" ]; then
    switch_clients
    return
  fi
  created=
  if [ $# -gt 0 ]; then
    ensure '' "$@"
    # A command that ends at once leaves no session to attach to. Polls several times, because a busy host notices the end late.
    i=0
    while [ -n "$created" ] && [ $i -lt 8 ]; do
      probe '#{pane_pid}'
      [ "$status" = ok ] || exit 1
      sleep 0.01
      i=$((i + 1))
    done
  else
    login=${SHELL:-/bin/sh}
    ensure "-${login##*/}" "$login"
  fi
  probe '#{pane_pid}'
  [ "$status" = ok ] || exit 1
  if [ ! -t 0 ]; then
    printf '\033[2J\033[H'
    type_in
    printf '\033c'
    return 0
  fi
  exec 8>&1
  # Closes a session whose shell has ended although tmux considers it alive (see probe).
  (while sleep 1 && kill -0 $$; do
    probe '#{pane_pid}'
    case $status in gone | refused) break ;; esac
  done) </dev/null >/dev/null 2>&1 8>&- &
  watcher=$!
  # Falls back to a similar terminal type that the host knows.
  for terminal in "${TERM:-dumb}" xterm-256color xterm vt100; do
    if [ "$terminal" = dumb ]; then continue; fi
    error=$(TERM=$terminal "$tmux" -u -S "$socket" attach-session 2>&1 >&8) && break
    case $error in *terminal*) ;; *) break ;; esac
  done
  kill $watcher 2>/dev/null || :
  printf '\033c'
  return 0
}
# switch_clients: moves the clients of the session in which attach runs; does nothing without clients.
switch_clients() {
  target=$name
  name=$self socket=$socket_dir/$self
  if [ ! -S "$socket" ]; then
    printf 'error: session "%s" does not exist\n' "$name" >&2
    exit 1
  fi
  quote_all "ZMX_DIR=$socket_dir" "$0" attach "$target"
  ask detach-client -s zmx -E "exec env -u ZMX_SESSION -u ZMX_SESSION_PREFIX $typed" >/dev/null
  return 0
}

detach_command() {
  [ -n "$self" ] || return 0
  socket=$socket_dir/$self
  tmux_path
  [ ! -S "$socket" ] || ask detach-client -s zmx >/dev/null
  return 0
}

main "$@"
