#!/bin/sh
# The host program: every question Chandler asks a host, and every order it gives, one subcommand each.
# usage: host STATE_DIR SUBCOMMAND [ARGUMENT...]
# Answers are single lines of key=value words, marked `chandler:`, so that nothing a login prints is taken for one.
set -u
# Steps have those of the login; what is ours is private, and what programs say to us is not translated.
login_umask=$(umask)
login_locale=${LC_ALL-}
case $login_locale in *[!A-Za-z0-9_.@-]*) login_locale= ;; esac
umask 077
LC_ALL=C
export LC_ALL
state_dir=$1
subcommand=$2
shift 2

# What runs a script that names no interpreter.
if command -v bash >/dev/null 2>&1; then shell=bash; else shell=/bin/sh; fi

say() { printf 'chandler: %s\n' "$*"; }
# refuse CODE TEXT: the failure code is ours (see failure.ts), the text is for a person.
refuse() {
  say "refused=$1 text=$(printf '%s' "$2" | encode)"
  exit 70
}
# encode: base64 on one line, because values may hold anything.
encode() { base64 | tr -d '\n'; }
# explain TEXT: turns what a failed program said into the right refusal.
explain() {
  case $1 in
    *'No space left'* | *'Disk quota'*) refuse disk-full "no space left for $state_dir" ;;
    *'Read-only file system'* | *'Permission denied'* | *'Operation not permitted'*)
      refuse state-directory-unwritable "cannot write to $state_dir: $(last_line "$1")"
      ;;
  esac
  refuse host-unsupported "$(last_line "$1")"
}
last_line() { printf '%s\n' "$1" | grep . | tail -n 1 | cut -c 1-300; }
# write FILE: standard input goes there. A shell's own printf does not tell a full disk from other trouble, cat does.
write() { errors=$({ cat >"$1"; } 2>&1) || explain "$errors"; }
is_full() { [ "$(df -Pk "$state_dir" | awk 'NR == 2 { print $4 }')" -le 16 ]; }
launch_dir() { launch=$state_dir/launches/$1; }
# run_dir: where nothing outlives a reboot: secrets and sockets.
run_dir() {
  if [ "$(id -u)" = 0 ]; then
    run=/run/chandler
  elif [ -n "${XDG_RUNTIME_DIR:-}" ] && [ -w "${XDG_RUNTIME_DIR:-}" ]; then
    run=$XDG_RUNTIME_DIR/chandler
  elif [ -w /dev/shm ]; then
    run=/dev/shm/chandler-$(id -u)
  else
    run=$state_dir/run
  fi
  if ! mkdir -p "$run/secrets" 2>/dev/null || [ ! -O "$run" ]; then refuse state-directory-unwritable "cannot use $run"; fi
}
# forget_secrets ID: those of every start.
forget_secrets() { rm -f "$run/secrets/$1" "$run/secrets/$1".*; }
record() { sed -n "s/^$2=//p" "$launch/$1" 2>/dev/null; }
locked() { [ -d "$launch" ] && ! flock -n -s "$launch/lock" true; }
size_of() { stat -c %s "$1" 2>/dev/null || echo 0; }
# has_survivors: something of the launch is alive.
has_survivors() { [ -n "$(marked "$1")" ]; }
# marked ID: the processes that carry the launch's marker, and their descendants.
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
# carriers NAME=VALUE: the processes with that in their environment.
carriers() {
  if printf 'a\0' | grep -qzxF a 2>/dev/null; then
    grep -lzxF "$1" /proc/[0-9]*/environ 2>/dev/null | sed 's,/proc/\([0-9]*\)/environ,\1,'
    return
  fi
  # A grep that knows lines only (busybox).
  for process in /proc/[0-9]*; do
    if tr '\000' '\n' 2>/dev/null <"$process/environ" | grep -qxF "$1"; then echo "${process#/proc/}"; fi
  done 2>/dev/null
}
# supervisor: the process that holds the launch, if it is the one that wrote `started` and not a later one of its number.
supervisor() {
  pid=$(record started pid)
  [ -n "$pid" ] && [ "$(sed 's/^.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$(record started start)" ] && echo "$pid"
}
# call_zmx ZMX ZMX_DIR ARGUMENT...: bounded, because a hung daemon would block it for ever. What it leaves behind must
# not hold our locks.
call_zmx() {
  zmx_path=$1
  zmx_dir=$2
  shift 2
  env -u ZMX_SESSION -u ZMX_SESSION_PREFIX -u LC_ALL ${login_locale:+"LC_ALL=$login_locale"} HISTFILE= SHELL="$(command -v "$shell")" ZMX_DIR="$zmx_dir" \
    PATH="$PATH:$state_dir/no-bash" timeout 20 "$zmx_path" "$@" </dev/null 8>&- 9>&-
}
# end_session SESSION ZMX ZMX_DIR: false if its name stays taken. zmx before 0.7 takes half a second,
# and 0.5 does nothing while the session prints hard.
end_session() {
  i=0
  while [ -S "$3/$1" ] && [ $i -lt 120 ]; do
    if [ $((i % 20)) -eq 0 ]; then
      call_zmx "$2" "$3" kill "$1" >/dev/null 2>&1
      # Hung: it would be the next time, too.
      [ $? -lt 124 ] || return 1
    fi
    sleep 0.05
    i=$((i + 1))
  done
  [ ! -S "$3/$1" ]
}
# describe: one line that tells the state of the launch.
describe() {
  # Looked at before the lock: what begins in between is not interrupted.
  begun=no
  [ ! -e "$launch/started" ] || begun=yes
  if [ ! -d "$launch" ]; then
    say state=absent
  elif [ -e "$launch/exit" ]; then
    say "state=exited code=$(record exit code) at=$(record exit at) elapsed_ms=$(record exit elapsed_ms) log=$(record exit log) by=$(record exit by) log_bytes=$(size_of "$launch/log")"
  elif locked; then
    if [ -e "$launch/started" ]; then say "state=running log_bytes=$(size_of "$launch/log")"; else say state=created; fi
  elif [ -e "$launch/exit" ]; then
    describe
  elif [ $begun = yes ]; then
    boot=same
    [ "$(record started boot)" = "$(cat /proc/sys/kernel/random/boot_id)" ] || boot=changed
    say "state=interrupted boot=$boot log_bytes=$(size_of "$launch/log")"
  elif [ -e "$launch/cancelled" ]; then
    say state=cancelled
  else
    say state=created
  fi
}
