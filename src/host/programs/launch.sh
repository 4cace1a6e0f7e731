# receive BYTES FILE: moves so many bytes of standard input to the file. Other programs might read more than they need.
receive() { if [ "$1" -eq 0 ]; then : >"$2"; else dd bs="$1" count=1 iflag=fullblock of="$2"; fi; }
# verify SHA256 FILE...: refuses unless the files that exist have that hash together; `-` is the rest of standard input.
verify() {
  wanted=$1
  shift
  if [ $# -eq 1 ]; then sum=$(sha256sum <"$1"); else sum=$(cat "$@" 2>/dev/null | sha256sum); fi
  [ "${sum%% *}" != "$wanted" ] || return 0
  if is_full; then refuse_full; fi
  refuse connection-lost 'the launch arrived damaged'
}

# write_record FILE LAUNCH RECORD: sets record to the file of RECORD, and writes FILE to take its place. RECORD is `PLAN/PART DIGEST
# NEEDS`, or empty.
write_record() {
  record=${3:+$state_dir/plans/${3%% *}}
  [ -n "$3" ] || return 0
  [ -d "${record%/*}" ] || mkdir -p "${record%/*}" 2>/dev/null
  put "$1" "$2 ${3#* }"
}
# place_record FILE: puts what write_record has written in place, unless another run has taken the host. A launch that was cancelled
# meanwhile does not replace the record of a later one.
place_record() {
  [ -z "${holder-}" ] || hold_lease
  [ -z "$record" ] || [ -d "${launch-}" ] || mv -fT "$1" "$record" || refuse state-directory-unwritable "cannot write $record"
}
# make_launch ID SHA256 STEP ATTEMPT LINGER ENV_BYTES SCRIPT_BYTES [SECRETS_BYTES [RECORD]] <secrets, env and script, one after another
# Creates the launch unless it exists, all or nothing: one rename creates the directory, after every byte has arrived. RECORD is
# `PLAN/PART DIGEST NEEDS`; the record names the launch before it can begin. STEP, ATTEMPT and LINGER are assignments for the
# supervisor; the secrets are kept for `begin_launch`.
make_launch() {
  launch_dir "$1"
  secrets=$run/secrets/$1
  new=$state_dir/launches/.new.$token.$$
  trap 'rm -rf "$new" "$secrets.$$"' EXIT
  if [ "${8:-0}" -gt 0 ]; then errors=$(receive "$8" "$secrets.$$" 2>&1) || explain "$errors"; fi
  if [ -d "$launch" ]; then
    verify "$2" "$secrets.$$" -
  else
    errors=$(mkdir -p "$new" 2>&1) || explain "$errors" state-directory-unwritable
    errors=$({ receive "$6" "$new/env" && receive "$7" "$new/script" && : >"$new/lock" && : >"$new/log"; } 2>&1) ||
      explain "$errors"
    if [ "$6${8:-0}" = 00 ]; then verify "$2" "$new/script"; else verify "$2" "$secrets.$$" "$new/env" "$new/script"; fi
    put "$new/settings" "$3
$4
$5
mask=$login_umask
locale=$login_locale"
    read -r line <"$new/script" || :
    case $line in '#!'*) chmod 700 "$new/script" ;; esac
    write_record "$new/record" "$1" "${9-}"
    # After a power cut, a launch that exists must be whole.
    sync "$new"/* "$new" 2>/dev/null || :
    place_record "$new/record"
    mv -T "$new" "$launch" 2>/dev/null || [ -d "$launch" ] || refuse state-directory-unwritable "cannot create $launch"
    [ ! -d "$new" ] || rm -rf "$new"
    exec 8>&-
  fi
  trap - EXIT
}

create() {
  make_launch "$@"
  describe
}

has_begun() { [ ! -f "$launch/lock" ] || [ -e "$launch/exit" ] || [ -e "$launch/started" ] || [ -e "$launch/cancelled" ]; }

# A login may export functions with the names of tools. Only bash imports them, as /bin/sh too, but not with -p.
bare=
! command -v shopt >/dev/null || bare=-p

# start ID SUPERVISOR BOUND_S SESSION ZMX ZMX_DIR <secrets; SESSION is empty for a launch without a session
# Safe to repeat. Answers once the launch has its record; otherwise `created` after BOUND_S seconds, or as soon as it is certain
# that the launch will not begin. Then `waiting` is what its session waits for, and `output` its last output.
start() {
  launch_dir "$1"
  [ -d "$launch" ] || refuse launch-not-started "launch $1 was never created"
  secrets=$run/secrets/$1
  cat >"$secrets.$$"
  [ -s "$secrets.$$" ] || rm -f "$secrets.$$"
  begin_launch "$@"
  describe
}

# begin_launch: like `start`, with the secrets in their file, but does not report the state.
begin_launch() {
  # Only one start at a time, because a second one would type into the first one's session. Locked after reading, which may take
  # long.
  exec 8<"$launch"
  flock 8
  if has_begun; then
    # Removes those of an interrupted start, too.
    forget_secrets "$1"
    return
  fi
  # A step may have removed the state directory and zmx with it.
  if [ -n "$4" ] && [ ! -x "$5" ]; then
    rm -f "$secrets.$$"
    refuse zmx-unavailable "$5 is gone"
  fi
  [ ! -e "$secrets.$$" ] || mv -f "$secrets.$$" "$secrets"
  # The supervisor reports here that the launch has begun.
  [ -p "$launch/begun" ] || errors=$(mkfifo "$launch/begun" 2>&1) || explain "$errors"
  exec 6<>"$launch/begun"
  if [ -n "$4" ]; then
    if clear_session "$1" "$4" "$5" "$6"; then
      { [ -d "$state_dir/sessions" ] && [ -d "$6" ]; } || mkdir -p "$state_dir/sessions" "$6"
      put "$state_dir/sessions/$4" "$1 $5"
      [ "$shell" = bash ] || stand_in_for_bash
      [ ! -e "$launch/held" ] || rm -f "$launch/held"
      # zmx exits with 0 before anything has started, so only the record counts. Opened for appending, because zmx writes to a
      # file at offset 0.
      call_zmx "$5" "$6" run "$4" -d /bin/sh $bare "$2" "$launch" "$secrets" >>"$launch/start-output" 2>&1
    fi
  else
    [ ! -e "$launch/held" ] || rm -f "$launch/held"
    # Without setsid, a launch without a session would end with the SSH connection.
    setsid /bin/sh $bare "$2" "$launch" "$secrets" </dev/null >/dev/null 2>&1 6>&- 8>&- &
  fi
  exec 8>&-
  # In seconds.
  left=$3 looks=0 waiting=login-shell
  while [ ! -e "$launch/started" ] && [ ! -e "$launch/exit" ] && [ "$left" -gt 0 ]; do
    if ! timeout 1 head -c 1 <&6 >/dev/null; then
      left=$((left - 1))
      # The supervisor has died, or had no room for its records.
      if [ -e "$launch/held" ] && ! locked; then waiting='' left=0; fi
      # This call also makes the tmux shim notice that a shell has ended.
      if [ -n "$4" ] && has_swallowed "$4" "$5" "$6"; then looks=$((looks + 1)); else looks=0; fi
      if [ $looks -eq 3 ]; then
        waiting=input left=0
        # Tells the next start to recreate the session.
        true >"$launch/held"
      fi
    fi
    # A login that exits ends its session, so nothing will begin in it.
    if [ -n "$4" ] && [ ! -S "$6/$4" ]; then waiting=nothing left=0; fi
  done
  if [ ! -e "$launch/started" ] && is_full; then refuse_full; fi
  if [ -n "$4" ] && ! has_begun; then
    say "waiting=$waiting output=$({ cat "$launch/start-output"; call_zmx "$5" "$6" history "$4"; } 2>/dev/null | grep . | tail -n 20 | tail -c 1000 | encode)"
  fi
  # The launch was cancelled meanwhile, perhaps before the session existed.
  if [ -n "$4" ] && [ -e "$launch/cancelled" ] && [ -S "$6/$4" ]; then end_session "$4" "$5" "$6"; fi
}

# row_of SESSION ZMX ZMX_DIR: prints the session's row of `zmx list`.
row_of() { call_zmx "$2" "$3" list 2>/dev/null | awk -F '\t' -v want="  name=$1" '$1 == want'; }
# has_swallowed SESSION ZMX ZMX_DIR: whether the typed line has been consumed, and the session's shell, a program in its place, or a
# program in the foreground of its terminal waits for more. While a login runs, the shell waits for a child, or the typed line is
# still in the terminal.
has_swallowed() {
  pid=$(row_of "$@" | cut -f 2)
  pid=${pid#pid=}
  [ -c "/proc/$pid/fd/0" ] && read -r stat <"/proc/$pid/stat" || return
  # dash has no read -t, so the answer is no. bash -c reads ~/.bashrc if SSH_CLIENT is set.
  [ "$(unset SSH_CLIENT SSH2_CLIENT; "$shell" -c 'read -t 0; echo $?' <"/proc/$pid/fd/0")" = 1 ] || return
  children=
  read -r children <"/proc/$pid/task/$pid/children"
  # shellcheck disable=SC2086 # the fields after the name in parentheses
  set -- ${stat##*) }
  # Not every kernel reports what a process waits for.
  [ "$1$children" != S ] || return 0
  # A shell that reads its terminal may have background children.
  for process in "/proc/$pid/stat" $(grep -lE "^[0-9]+ \(.*\) S [0-9]+ $6 [0-9]+ $5 " /proc/[0-9]*/stat); do
    process=${process%/stat}
    wchan=
    read -r wchan <"$process/wchan"
    case $wchan in *tty* | *woken* | *poll* | *select*) ;; *) continue ;; esac
    [ "$process" != "/proc/$pid" ] || return 0
    # Other programs may wait for a socket.
    case $(ls -l "$process/fd") in *socket:*) ;; *' 0 -> /dev/pts/'* | *' 0 -> /dev/tty'*) return 0 ;; esac
  done
  return 1
} 2>/dev/null

# stand_in_for_bash: provides a program with that name, because zmx starts sessions with bash only.
stand_in_for_bash() {
  [ ! -x "$state_dir/no-bash/bash" ] || return 0
  mkdir -p "$state_dir/no-bash"
  # shellcheck disable=SC2016 # a program
  put "$state_dir/no-bash/bash.new" '#!/bin/sh
while case ${1:-} in --*) ;; *) false ;; esac; do shift; done
if [ $# -eq 0 ]; then set -- -l; fi
exec /bin/sh "$@"'
  chmod 755 "$state_dir/no-bash/bash.new"
  mv -f "$state_dir/no-bash/bash.new" "$state_dir/no-bash/bash"
}

# clear_session ID SESSION ZMX ZMX_DIR: frees the name unless the session is in use. False if the launch itself is about to begin
# in it, because the step would read whatever is typed now.
clear_session() {
  [ -S "$4/$2" ] || return 0
  read_session "$2"
  if [ "$owner" = "$1" ]; then
    # This is the launch's own session, and the launch has not begun. A running login is not ended, because it could leave locks
    # behind.
    i=0
    until [ -e "$launch/held" ] || [ $i -eq 3 ]; do
      has_swallowed "$2" "$3" "$4" || { [ ! -S "$4/$2" ]; return; }
      sleep 1
      i=$((i + 1))
    done
    # While this holds the lock, the launch cannot begin in the session that is closed. It may have ended meanwhile.
    exec 9>>"$launch/lock"
    if ! flock -n 9 || has_begun; then
      exec 9>&-
      return 1
    fi
    free_session "$2" "$3" "$4"
    exec 9>&-
    return 0
  fi
  if [ -n "$owner" ] && [ -d "$state_dir/launches/$owner" ]; then
    mine=$launch
    launch_dir "$owner"
    if locked; then refuse launch-conflict "session $2 is busy with launch $owner"; fi
    launch=$mine
  # A label may be named `ended`, so only the columns before the labels count.
  # The columns are those of ORDER in src/zmx/parse-sessions.ts.
  elif [ -z "$(row_of "$2" "${maker:-$3}" "$4" | awk '/^[^\t]*(\t(pid|clients|created|start_dir|cwd|cmd)=[^\t]*)*\tended=[0-9]+\texit_code=/')" ]; then
    refuse launch-conflict "session $2 is busy and was not started by Chandler"
  fi
  free_session "$2" "$3" "$4"
}
free_session() {
  end_session "$@" || refuse launch-conflict "session $1 has ended, but cannot be closed"
}
