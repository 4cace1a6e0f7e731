# script: what became of the script with which this host provisions itself, if there is one.
script_read() {
  work=$state_dir/script
  if [ ! -e "$work/about" ]; then
    say script=absent
    return
  fi
  # Looked at before the phase: one that ends in between must not seem to have died.
  alive=yes
  ! flock -n -s "$work/lock" true || alive=no
  outcomes=
  for file in "$work"/*.outcome; do
    [ ! -e "$file" ] || outcomes=$outcomes,$(basename "$file" .outcome):$(cat "$file" 2>/dev/null)
  done
  say "script=present alive=$alive $(tr '\n' ' ' <"$work/about")$(tr '\n' ' ' <"$work/phase" 2>/dev/null)zmx=$(encode 2>/dev/null <"$work/zmx") outcomes=$outcomes"
}

# script-plan: what it does, as JSON.
script_plan() { say "plan=$(encode <"$state_dir/script/plan")"; }

# script-end SIGNAL BOUND_S: USR1 makes it leave and what it started go on; TERM ends all of it. Returns once it is gone.
script_end() {
  work=$state_dir/script
  if [ ! -e "$work/lock" ]; then
    say ended=yes
    return
  fi
  i=$(($2 * 10))
  while ! flock -n -s "$work/lock" true 2>/dev/null && [ $i -gt 0 ]; do
    pid=$(sed -n 's/^pid=//p' "$work/pid" 2>/dev/null)
    start=$(sed -n 's/^start=//p' "$work/pid" 2>/dev/null)
    # It may have only just begun, so it is told more than once.
    if [ $((i % 20)) -eq 0 ] && [ -n "$pid" ] &&
      [ "$(sed 's/^.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$start" ]; then
      kill -s "$1" "$pid" 2>/dev/null
    fi
    sleep 0.1
    i=$((i - 1))
  done
  if flock -n -s "$work/lock" true 2>/dev/null; then say ended=yes; else say ended=no; fi
}

# script-follow BOUND_S SEEN ID...: where the script and its launches are, as soon as that is not SEEN, or after BOUND_S
# seconds.
script_follow() {
  i=$(($1 * 5))
  seen=$2
  shift 2
  while :; do
    found=$(
      script_read
      states "$@"
    )
    now=$(printf '%s' "$found" | sed 's/ log_bytes=[0-9]*//; s/ elapsed_ms=[0-9]*//' | sha256sum | cut -c 1-16)
    if [ "$now" != "$seen" ] || [ $i -le 0 ]; then break; fi
    sleep 0.2
    i=$((i - 1))
    if [ $((i % 10)) -eq 0 ]; then
      say "progress script=$i"
      for id; do
        launch_dir "$id"
        [ ! -d "$launch" ] || note_time "$(size_of "$launch/log")"
      done
    fi
  done
  printf '%s\n' "$found"
  say "seen=$now"
}

# states ID...: a line each.
states() {
  for id; do
    launch_dir "$id"
    say "launch=$id $(describe | sed 's/^chandler: //')"
  done
}
