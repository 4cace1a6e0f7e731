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
encode() { base64 | tr -d '\n'; }
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
# write FILE: writes standard input. With cat, because a shell's own printf does not report a full disk as such.
write() { errors=$({ cat >"$1"; } 2>&1) || explain "$errors"; }
is_full() { [ "$(df -Pk "$state_dir" | awk 'NR == 2 { print $4 }')" -le 16 ]; }
launch_dir() { launch=$state_dir/launches/$1; }
# run_dir: sets run, a directory for secrets and sockets that does not outlive a reboot.
run_dir() {
  # In a shared directory, another user may own a directory or link of that name.
  for run in /run/chandler "${XDG_RUNTIME_DIR:-/run}/chandler" "/dev/shm/chandler-$(id -u)" "$state_dir/run"; do
    if [ -w "${run%/*}" ] && mkdir -p "$run/secrets" 2>/dev/null && [ ! -h "$run" ] && [ -O "$run" ]; then return; fi
  done
  refuse state-directory-unwritable "cannot use $run"
}
# forget_secrets ID: removes the secrets of all starts.
forget_secrets() { rm -f "$run/secrets/$1" "$run/secrets/$1".*; }
# Opens only regular files, because a step may have replaced a file of its launch by one that blocks when it is opened.
record() { [ ! -f "$launch/$1" ] || sed -n "s/^$2=//p" "$launch/$1"; }
# Given a path, flock creates a missing file, and a step may remove it at any moment.
locked() { [ -f "$launch/lock" ] && ! flock -n -s 7 2>/dev/null 7<"$launch/lock" && [ -f "$launch/lock" ]; }
size_of() { stat -c %s "$1" 2>/dev/null || echo 0; }
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
  pid=$(record "$1" pid)
  [ -n "$pid" ] && [ "$(sed 's/^.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$(record "$1" start)" ] && echo "$pid"
}
# call_zmx ZMX ZMX_DIR ARGUMENT...: with a timeout, because a hung daemon never answers, and without Chandler's locks.
call_zmx() {
  zmx_path=$1
  zmx_dir=$2
  shift 2
  env -u ZMX_SESSION -u ZMX_SESSION_PREFIX -u LC_ALL ${login_locale:+"LC_ALL=$login_locale"} HISTFILE= SHELL="$(command -v "$shell")" ZMX_DIR="$zmx_dir" \
    PATH="$PATH:$state_dir/no-bash" timeout 20 "$zmx_path" "$@" </dev/null 8>&- 9>&-
}
# end_session SESSION ZMX ZMX_DIR: false if the name stays in use. Calls the zmx that created the session, because another kind
# cannot end it; without that zmx a signal ends it. zmx before 0.7 takes half a second, and 0.5 does nothing while the session
# prints a lot.
end_session() {
  maker=$(readlink "$state_dir/makers/$1") || maker=$2
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
    sleep 0.05
    i=$((i + 1))
  done
  [ ! -S "$3/$1" ]
}
# describe: reports the state of the launch. known_begun=yes means that it has begun even if its record is gone.
describe() {
  # Read before the lock, so that a launch that begins in between does not count as interrupted.
  begun=${known_begun-no}
  [ ! -e "$launch/started" ] || begun=yes
  if [ ! -d "$launch" ]; then
    say state=absent
  elif exited=$(record exit code) && [ -n "$exited" ]; then
    say "state=exited $(tr -s '\n' ' ' <"$launch/exit")log_bytes=$(size_of "$launch/log")"
  elif locked; then
    if [ -e "$launch/started" ]; then say "state=running log_bytes=$(size_of "$launch/log")"; else say state=created; fi
  elif [ -n "$(record exit code)" ]; then
    describe
  elif [ "$begun" = yes ] || [ ! -f "$launch/lock" ]; then
    boot=same gone=
    begun=$(record started boot)
    if [ -n "$begun" ] && [ "$begun" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then
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
