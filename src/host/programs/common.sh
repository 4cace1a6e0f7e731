#!/bin/sh
# The host program: everything that Chandler asks or does on a host, one subcommand each.
# usage: host TOKEN STATE_DIR SUBCOMMAND [ARGUMENT...]
# An answer is key=value words in a frame with the token of the call and the length in bytes, so that output of the login cannot
# hide, break or forge it. The last answer is `end`, or a refusal.
set +ex -u
# Steps run with the umask and locale of the login. Chandler's own files are private, and error messages must not be translated.
login_umask=$(umask)
login_locale=${LC_ALL-}
case $login_locale in *[!A-Za-z0-9_.@-]*) login_locale= ;; esac
umask 077
LC_ALL=C
export LC_ALL
token=$1
state_dir=$2
subcommand=$3
shift 3

# The shell for scripts without a #! line.
if command -v bash >/dev/null 2>&1; then shell=bash; else shell=/bin/sh; fi

say() {
  set -- "${about-}$*"
  printf 'chandler:%s:%s:%s:%s\n' "$token" ${#1} "$1" "$token"
}
# refuse CODE TEXT: ends the program with a failure code (see failure.ts) and a message for people.
refuse() {
  say "refused=$1 text=$(printf '%s' "$2" | encode)"
  exit 70
}
# encode: base64 on one line, because values may hold anything.
encode() {
  set -f
  # shellcheck disable=SC2046 # base64 has no blanks, only line ends
  set -- $(base64)
  IFS=
  printf %s "$*"
}
# means_full TEXT: whether the error message of a program reports a full disk. See codeOfText in code-of-text.ts.
means_full() { case $1 in *'No space left'* | *'Disk quota'* | *'File too large'*) ;; *) return 1 ;; esac; }
refuse_full() { refuse disk-full "no space left for $state_dir"; }
# explain TEXT [CODE [PREFIX]]: refuses with the failure code for the error message of a program, by default with CODE.
explain() {
  if means_full "$1"; then refuse_full; fi
  case $1 in
    *'Read-only file system'* | *'Permission denied'* | *'Operation not permitted'*)
      refuse state-directory-unwritable "cannot write to $state_dir: $(first_line "$1")"
      ;;
  esac
  refuse "${2:-host-unsupported}" "${3:-}$(first_line "$1")"
}
first_line() { printf '%s\n' "$1" | grep . | head -n 1 | cut -c 1-300; }
last_line() { printf '%s\n' "$1" | grep . | tail -n 1 | cut -c 1-300; }
# put FILE TEXT: writes TEXT and a line end. A shell's own printf does not report why it failed, but cat does.
put() {
  { printf '%s\n' "$2" >"$1"; } 2>/dev/null && return
  errors=$(printf '%s\n' "$2" | { cat >"$1"; } 2>&1) || explain "$errors"
}
is_full() { [ "$(df -Pk "$state_dir" | awk 'NR == 2 { print $4 }')" -le 16 ]; }
launch_dir() { launch=$state_dir/launches/$1; }
# run_dir: sets run, a directory for secrets and sockets that does not outlive a reboot.
run_dir() {
  for run in /run/chandler "${XDG_RUNTIME_DIR:-/run}/chandler" /dev/shm "$state_dir/run"; do
    [ "$run" != /dev/shm ] || run=/dev/shm/chandler-$(id -u)
    [ -w "${run%/*}" ] || continue
    # In a shared directory, another user may own a directory or link of that name.
    if { [ -d "$run/secrets" ] || mkdir -p "$run/secrets" 2>/dev/null; } && [ ! -h "$run" ] && [ -O "$run" ]; then return; fi
  done
  refuse state-directory-unwritable "cannot use $run"
}
# forget_secrets ID: removes the secrets of all starts.
forget_secrets() { rm -f "$run/secrets/$1" "$run/secrets/$1".*; }
# read_record NAME: sets words to the lines of a record of the launch, joined by blanks; empty if the record does not exist. A step
# may have replaced the file by one that blocks when it is opened, or that is endless.
read_record() {
  words=
  [ -f "$launch/$1" ] || return 0
  count=0
  while [ $count -lt 20 ] && read -r line; do
    [ -z "$line" ] || words=$words$line' '
    count=$((count + 1))
  done <"$launch/$1"
}
# word KEY: sets value to the VALUE of the word KEY=VALUE in words; empty without such a word.
word() {
  value=
  case " $words" in *" $1="*) ;; *) return 0 ;; esac
  value=" $words"
  value=${value#*" $1="}
  value=${value%% *}
}
# Given a path, flock creates a missing file, and a step may remove it at any moment.
locked() { [ -f "$launch/lock" ] && ! flock -n -s 7 2>/dev/null 7<"$launch/lock" && [ -f "$launch/lock" ]; }
# hash_of FILE: prints the sha256 of its content.
hash_of() {
  set -- "$(sha256sum <"$1")"
  echo "${1%% *}"
}
size_of() { { [ -s "$1" ] && stat -c %s "$1" 2>/dev/null; } || echo 0; }
# marked ID: prints the processes with the launch's marker in their environment, and their descendants.
marked() {
  set -- "$(carriers "CHANDLER_LAUNCH=$1")"
  [ -n "$1" ] || return 0
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v roots="$1" '
    BEGIN { n = split(roots, r, "\n"); for (i = 1; i <= n; i++) hit[r[i]] = 1 }
    { pid = $1; sub(/^.*\) /, ""); if ($1 == "Z") { delete hit[pid]; next } parent[pid] = $2 }
    END {
      do { more = 0; for (p in parent) if (!(p in hit) && parent[p] in hit) { hit[p] = 1; more = 1 } } while (more)
      for (p in hit) print p
    }'
}
# carriers NAME=VALUE: prints the processes with that in their environment.
carriers() {
  if printf 'a\0' | grep -qzxF a 2>/dev/null; then
    grep -lzxF "$1" /proc/[0-9]*/environ 2>/dev/null | sed 's,/proc/\([0-9]*\)/environ,\1,'
    return
  fi
  # busybox grep has no -z.
  for process in /proc/[0-9]*; do
    if tr '\000' '\n' 2>/dev/null <"$process/environ" | grep -qxF "$1"; then echo "${process#/proc/}"; fi
  done 2>/dev/null
}
# process_in RECORD: prints the pid in a record of the launch, unless a later process has that pid.
process_in() {
  read_record "$1"
  word pid
  pid=$value
  word start
  [ -n "$pid" ] && read -r stat 2>/dev/null <"/proc/$pid/stat" || return
  # shellcheck disable=SC2086 # the fields after the name in parentheses
  set -- ${stat##*) }
  [ "${20}" = "$value" ] && echo "$pid"
}
# call_zmx ZMX ZMX_DIR ARGUMENT...: with a timeout, because a hung daemon never answers, and without Chandler's locks, which a daemon
# would keep. Its own shell keeps them until zmx has ended, also if this program is killed: the next one must not ask beside it.
call_zmx() (
  zmx_path=$1
  zmx_dir=$2
  shift 2
  unset ZMX_SESSION ZMX_SESSION_PREFIX
  if [ -n "$login_locale" ]; then LC_ALL=$login_locale; else unset LC_ALL; fi
  ZMX_DIR=$zmx_dir HISTFILE='' SHELL=$(command -v "$shell") PATH=$PATH:$state_dir/no-bash \
    timeout 20 "$zmx_path" "$@" </dev/null 6>&- 8>&- 9>&- || exit
)
# read_session SESSION: sets owner to its latest launch and maker to the zmx that created it; empty if that was not Chandler.
# shellcheck disable=SC2034 # read by other parts
read_session() {
  owner='' maker=''
  [ ! -f "$state_dir/sessions/$1" ] || read -r owner maker <"$state_dir/sessions/$1" || :
}
# end_session SESSION ZMX ZMX_DIR: false if the name stays in use. Calls the zmx that created the session, because another kind
# cannot end it; without that zmx a signal ends it. zmx before 0.7 takes half a second, and 0.5 does nothing while the session
# prints a lot.
end_session() {
  read_session "$1"
  maker=${maker:-$2}
  if [ ! -x "$maker" ]; then
    { carriers "ZMX_SESSION=$1"; carriers "ZMX_DIR=$3"; } | sort | uniq -d | xargs -r kill -KILL 2>/dev/null
    rm -f "$3/$1"
  fi
  i=0
  while [ -S "$3/$1" ] && [ $i -lt 120 ]; do
    if [ $((i % 20)) -eq 0 ]; then
      call_zmx "$maker" "$3" kill "$1" >/dev/null 2>&1
      # After a timeout the daemon hangs, so another call would hang, too.
      [ $? -lt 124 ] || return 1
    fi
    [ ! -S "$3/$1" ] || sleep 0.05
    i=$((i + 1))
  done
  [ ! -S "$3/$1" ]
}
# has_exited: whether the launch has a record of its end, which is then in words.
has_exited() {
  read_record exit
  word code
  [ -n "$value" ] || ended_by_reboot
}
# ended_by_reboot: no; reboot.sh replaces it.
# shellcheck disable=SC2317
ended_by_reboot() { false; }
# describe: reports the state of the launch. known_begun=yes means that it has begun even if its record is gone.
describe() {
  # Read before the lock, so that a launch that begins in between does not count as interrupted.
  begun=${known_begun-no}
  [ ! -e "$launch/started" ] || begun=yes
  if [ ! -d "$launch" ]; then
    say state=absent
  elif has_exited; then
    say "state=exited ${words}log_bytes=$(size_of "$launch/log")"
  elif locked; then
    if [ -e "$launch/started" ]; then say "state=running log_bytes=$(size_of "$launch/log")"; else say state=created; fi
  elif has_exited; then
    describe
  elif [ "$begun" = yes ] || [ ! -f "$launch/lock" ]; then
    boot=same gone=
    read_record started
    word boot
    read -r boot_id </proc/sys/kernel/random/boot_id
    if [ -n "$value" ] && [ "$value" != "$boot_id" ]; then
      boot=changed
    elif [ ! -f "$launch/.exit" ] || [ -e "$launch/exit" ] || [ ! -f "$launch/lock" ] || [ ! -f "$launch/log" ]; then
      gone=yes
    fi
    say "state=interrupted boot=$boot gone=$gone log_bytes=$(size_of "$launch/log")"
  elif [ -e "$launch/cancelled" ]; then
    say state=cancelled
  else
    say state=created
  fi
}
