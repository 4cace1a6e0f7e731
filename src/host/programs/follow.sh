# progress: one line with the size of the log and its last line.
progress() {
  say "progress log_bytes=$(size_of "$launch/log") last=$(tail -c 512 "$launch/log" 2>/dev/null | tr -d '\000' | tr '\r' '\n' | grep -a . | tail -n 1 | tail -c 200 | encode)"
}

# wait ID BOUND_S: blocks until the launch has ended; says so at once. A launch that does not start in BOUND_S
# seconds is answered with `created`. A free lock before `started` means nothing.
wait_launch() {
  launch_dir "$1"
  i=$(($2 * 20))
  while [ -d "$launch" ] && [ ! -e "$launch/started" ] && [ ! -e "$launch/exit" ] && [ ! -e "$launch/cancelled" ] && [ $i -gt 0 ]; do
    sleep 0.05
    i=$((i - 1))
  done
  if [ ! -e "$launch/started" ]; then
    describe
    return
  fi
  if flock --version 2>/dev/null | grep -q util-linux; then
    # A short step is over before there is any progress to tell; of a longer one the first news comes soon.
    pause=0.3
    while [ -d "$launch" ] && ! flock -s -w $pause "$launch/lock" true; do
      progress
      pause=2
    done
  else
    # A flock without -w (busybox): ask five times a second.
    i=0
    while [ -d "$launch" ] && ! flock -s -n "$launch/lock" true; do
      sleep 0.2
      i=$((i + 1))
      [ $((i % 10)) -ne 0 ] || progress
    done
  fi
  # What began and is gone must not look like what never began.
  if [ -d "$launch" ]; then describe; else say state=interrupted boot=same log_bytes=0; fi
}

# log ID OFFSET MAX FOLLOW_S: bytes of the log from OFFSET; waits up to FOLLOW_S seconds for a byte to come.
read_log() {
  launch_dir "$1"
  i=$(($4 * 10))
  size=$(size_of "$launch/log")
  while [ "$size" -le "$2" ] && [ $i -gt 0 ] && [ ! -e "$launch/exit" ]; do
    sleep 0.1
    i=$((i - 1))
    size=$(size_of "$launch/log")
  done
  describe
  offset=$2
  # A negative offset counts from the end.
  if [ "$offset" -lt 0 ]; then offset=$((size + offset)); fi
  if [ "$offset" -lt 0 ]; then offset=0; fi
  say "log size=$size offset=$offset"
  tail -c +$((offset + 1)) "$launch/log" 2>/dev/null | head -c "$3" | base64
}

# await PATH BOUND_S: blocks until the file is there.
await() {
  i=0
  while [ ! -e "$1" ]; do
    [ $i -lt $(($2 * 5)) ] || {
      say appeared=no
      return
    }
    sleep 0.2
    i=$((i + 1))
    [ $((i % 10)) -ne 0 ] || say "progress waited_s=$((i / 5))"
  done
  say appeared=yes
}

# check ID BOUND_S <script: exits as the script does, or with 124 after BOUND_S seconds. It carries the launch's marker,
# so that `kill` finds it. The script may hold secrets, so it is kept off the disk and out of ps.
check() {
  file=$run/secrets/$1.check.$$
  trap 'rm -f "$file"' EXIT
  cat >"$file"
  exec 8<"$file"
  rm -f "$file"
  umask "$login_umask"
  if [ -n "$login_locale" ]; then LC_ALL=$login_locale; else unset LC_ALL; fi
  CHANDLER_LAUNCH=$1 timeout -k 5 "$2" "$shell" /dev/fd/8 </dev/null >/dev/null 2>&1
  say "check code=$?"
}
