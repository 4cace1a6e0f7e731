# note_time BYTES: notes the size of the log with the time, because the log contains no times. Errors are ignored: without a note
# `log` begins earlier.
note_time() {
  notes=$launch/times
  [ ! -p "$notes" ] || return 0
  {
    [ "$(tail -n 1 "$notes" | cut -d ' ' -f 2)" = "$1" ] || echo "$(date +%s) $1" >>"$notes"
    [ "$(size_of "$notes")" -le 65536 ] || { awk 'NR % 2' "$notes" >"$notes.new" && mv -f "$notes.new" "$notes"; }
  } 2>/dev/null
}

# log ID OFFSET MAX FOLLOW_S [BEFORE [SINCE [TAIL]]]: reads bytes of the log from OFFSET, and up to BEFORE bytes before it; waits up
# to FOLLOW_S seconds for a byte. With SINCE (Unix seconds; negative: before now) it begins before everything printed since, with
# TAIL that many lines before the end, with both at the later of the two.
read_log() {
  launch_dir "$1"
  find_log
  size=$(size_of "$launch/log")
  # A negative offset counts from the end.
  offset=$(($2 < 0 ? size + $2 : $2))
  offset=$((offset < 0 ? 0 : offset))
  if [ -n "${6:-}" ]; then since "$6"; fi
  if [ -n "${7:-}" ]; then
    tail=$((size - $(tail -n "$7" "$log" | wc -c)))
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
  # Read after the state; otherwise the last output of a launch that ends in between would be missing.
  size=$(size_of "$launch/log")
  before=$((${5:-0} > offset ? offset : ${5:-0}))
  say "log size=$size offset=$offset before=$before body=$(slice $((offset - before)) $((before + $3)) | base64)"
}

# slice OFFSET COUNT: reads bytes of the log without reading the bytes before them.
slice() {
  dd if="$log" bs=65536 skip=$(($1 / 65536)) count=$(($2 / 65536 + 2)) 2>/dev/null | tail -c +$(($1 % 65536 + 1)) | head -c "$2"
}

# since TIME: sets offset to the size of the log at that time, or less. Stops at the first note that may be too late, so a clock
# that was set back does no harm.
since() {
  time=$(($1 < 0 ? $(date +%s) + $1 : $1))
  offset=$(
    {
      cat "$launch/times"
      read_record exit
      word at
      echo "$value $size"
    } 2>/dev/null | awk -v time="$time" '
      BEGIN { offset = "0" }
      !/^[0-9]+ [0-9]+$/ { next }
      $1 + 0 >= time + 0 { exit }
      { offset = $2 }
      END { print offset }'
  )
}

# line_start: moves offset back to the start of its line, at most by 64 KiB.
line_start() {
  begin=$((offset > 65536 ? offset - 65536 : 0))
  offset=$((offset + 1 - $({
    slice $begin $((offset - begin))
    echo
  } | tail -n 1 | wc -c)))
}
