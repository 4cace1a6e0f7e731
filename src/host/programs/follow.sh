# progress: one line with the size of the log and its last line.
progress() {
  bytes=$(size_of "$launch/log")
  note_time "$bytes"
  say "progress log_bytes=$bytes last=$(tail -c 512 "$launch/log" 2>/dev/null | tr -d '\000' | tr '\r' '\n' | grep -a . | tail -n 1 | tail -c 200 | encode)"
}

# note_time BYTES: that the log, which has no times of its own, had so many bytes before now. A note that is missing only
# makes `log` begin earlier, so nothing here is an error.
note_time() {
  notes=$launch/times
  {
    [ "$(tail -n 1 "$notes" | cut -d ' ' -f 2)" = "$1" ] || echo "$(date +%s) $1" >>"$notes"
    [ "$(size_of "$notes")" -le 65536 ] || { awk 'NR % 2' "$notes" >"$notes.new" && mv -f "$notes.new" "$notes"; }
  } 2>/dev/null
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

# log ID OFFSET MAX FOLLOW_S [BEFORE [SINCE [TAIL]]]: bytes of the log from OFFSET, and up to BEFORE of those before it;
# waits up to FOLLOW_S seconds for a byte to come. With SINCE (Unix seconds; negative: before now) it begins early enough
# for all that was printed since, with TAIL at that many lines before the end, with both at the later of these.
read_log() {
  launch_dir "$1"
  size=$(size_of "$launch/log")
  # A negative offset counts from the end.
  offset=$(($2 < 0 ? size + $2 : $2))
  offset=$((offset < 0 ? 0 : offset))
  if [ -n "${6:-}" ]; then since "$6"; fi
  if [ -n "${7:-}" ]; then
    tail=$((size - $(tail -n "$7" "$launch/log" | wc -c)))
    offset=$((tail > offset ? tail : offset))
  fi
  if [ -n "${6:-}${7:-}" ]; then line_start; fi
  i=$(($4 * 10))
  while [ "$size" -le "$offset" ] && [ $i -gt 0 ] && [ ! -e "$launch/exit" ]; do
    sleep 0.1
    i=$((i - 1))
    size=$(size_of "$launch/log")
  done
  describe
  # Not before the state was told: a log that seemed to end in between would lose what came last.
  size=$(size_of "$launch/log")
  before=$((${5:-0} > offset ? offset : ${5:-0}))
  say "log size=$size offset=$offset before=$before"
  slice $((offset - before)) $((before + $3)) | base64
}

# slice OFFSET COUNT: bytes of the log, without reading what comes before them.
slice() {
  dd if="$launch/log" bs=65536 skip=$(($1 / 65536)) count=$(($2 / 65536 + 2)) 2>/dev/null | tail -c +$(($1 % 65536 + 1)) | head -c "$2"
}

# since TIME: sets offset to where the log was then, or earlier. A note was made within a second after the log was looked
# at; where the clock was set back, the first one that may be too late ends the search.
since() {
  time=$(($1 < 0 ? $(date +%s) + $1 : $1))
  offset=$(
    {
      cat "$launch/times"
      echo "$(record exit at) $size"
    } 2>/dev/null | awk -v time="$time" '
      BEGIN { offset = "0" }
      !/^[0-9]+ [0-9]+$/ { next }
      $1 + 0 >= time + 0 { exit }
      { offset = $2 }
      END { print offset }'
  )
}

# line_start: moves offset back to the beginning of its line, or by 64 KiB where a line is longer.
line_start() {
  begin=$((offset > 65536 ? offset - 65536 : 0))
  offset=$((offset + 1 - $({
    slice $begin $((offset - begin))
    echo
  } | tail -n 1 | wc -c)))
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
