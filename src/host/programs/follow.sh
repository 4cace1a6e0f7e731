# progress: reports nothing; keyboard.sh replaces it in a worker's program.
# shellcheck disable=SC2317
progress() { :; }

# await_lock SECONDS: waits for the lock on file 7, which the supervisor holds; false after so many seconds.
await_lock() {
  flock -E 75 -s -w "$1" 7 2>/dev/null
  case $? in 0) return ;; 75) return 1 ;; esac
  # busybox flock has neither of these options.
  i=0
  until flock -s -n 7; do
    [ $i -le $((${1%.*} * 5)) ] || return 1
    sleep 0.2
    i=$((i + 1))
  done
}

# wait ID BOUND_S [EVERY_S TURNS]: blocks until the launch has ended. Reports progress every EVERY_S seconds, and stops after TURNS
# of these (never: -1). Reports `created` for a launch that does not start within BOUND_S seconds. A free lock before `started` means
# nothing.
wait_launch() {
  launch_dir "$1"
  if has_exited; then
    describe
    return
  fi
  i=$(($2 * 20)) every=${3-2} turns=${4--1}
  while [ -f "$launch/lock" ] && [ ! -e "$launch/started" ] && [ ! -e "$launch/exit" ] && [ ! -e "$launch/cancelled" ] && [ $i -gt 0 ]; do
    sleep 0.05
    i=$((i - 1))
  done
  if [ ! -e "$launch/started" ]; then
    describe
    return
  fi
  [ ! -f "$launch/lock" ] || exec 7<"$launch/lock"
  # The first pause is shorter, so that the first progress comes soon.
  pause=1
  while [ "$turns" -ne 0 ] && [ -f "$launch/lock" ] && ! await_lock "$pause"; do
    progress
    pause=$every turns=$((turns - 1))
  done
  # Without this, a removed launch would look like one that never began.
  known_begun=yes
  if [ -d "$launch" ]; then describe; else say state=interrupted boot=same gone=yes log_bytes=0; fi
}

# check ID BOUND_S [LAUNCH HOLDER RECORD] <script: reports the code of the script, or 124 after BOUND_S seconds. The script carries the
# launch's marker, so that `kill` finds it. It may contain secrets, so it is kept off the disk and out of ps. If it exits with 0,
# records that, unless another run has taken the host from HOLDER. LAUNCH is `=` and the latest
# launch.
check() {
  holder=${4-}
  file=$run/secrets/$1.check.$$
  trap 'rm -f "$file"' EXIT
  cat >"$file"
  exec 8<"$file"
  rm -f "$file"
  umask "$login_umask"
  (
    if [ -n "$login_locale" ]; then LC_ALL=$login_locale; else unset LC_ALL; fi
    CHANDLER_LAUNCH=$1 exec timeout -k 5 "$2" "$shell" /dev/fd/8 </dev/null >/dev/null 2>&1
  )
  set -- $? "$state_dir/.record.$$" "${3-}" "${5-}"
  umask 077
  if [ "$1" = 0 ] && [ -n "$4" ]; then
    write_record "$2" "$3" "$4"
    place_record "$2"
  fi
  say "check code=$1"
}
