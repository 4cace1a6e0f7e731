# kill ID GRACE_S SESSION ZMX ZMX_DIR: ends every process of the launch: TERM, GRACE_S seconds, KILL. A launch that has not begun
# is cancelled. Without SESSION the session stays.
kill_launch() {
  launch_dir "$1"
  # A delayed `create` must find the launch cancelled.
  [ -d "$launch" ] || entomb
  touch "$launch/cancelled" || :
  sync "$launch" 2>/dev/null || :
  forget_secrets "$1"
  say stage=cancelled
  found=0
  i=0
  # GRACE_S, plus ten seconds of KILL, because a process may fork while it is killed.
  limit=$(($2 * 10 + 100))
  while [ $i -lt $limit ]; do
    pids=$(marked "$1")
    if [ -z "$pids" ]; then
      locked || break
      # The supervisor is recording the end, or is starting and will find `cancelled`.
      if [ $i -ge $(($2 * 10 + 50)) ]; then process_in started | xargs -r kill -9; fi
    else
      if [ "$found" -eq 0 ]; then found=$(printf '%s\n' "$pids" | wc -l); fi
      # shellcheck disable=SC2086 # a list of numbers
      if [ $i -lt $(($2 * 10)) ]; then
        if [ $((i % 10)) -eq 0 ]; then kill -TERM $pids 2>/dev/null; kill -CONT $pids 2>/dev/null; fi
      else
        kill -KILL $pids 2>/dev/null
      fi
    fi
    sleep 0.1
    i=$((i + 1))
  done
  left=$(marked "$1" | wc -l)
  if [ -n "$3" ] && [ -S "$5/$3" ]; then
    read_session "$3"
    [ "$owner" != "$1" ] || end_session "$3" "$4" "$5"
  fi
  say "killed found=$found left=$left"
  describe
}

# entomb: creates the launch as a cancelled one.
entomb() {
  i=0
  until errors=$({
    mkdir -p "$state_dir/launches" && new=$(mktemp -d "$state_dir/launches/.new.XXXXXX") &&
      : >"$new/lock" && : >"$new/log" && : >"$new/cancelled" && { sync "$new" 2>/dev/null || :; } && mv -T "$new" "$launch"
  } 2>&1) || [ -d "$launch" ]; do
    # The launch itself may be removing the directory now.
    [ $i -lt 3 ] || explain "$errors"
    sleep 0.1
    i=$((i + 1))
  done
  sync "$state_dir/launches" 2>/dev/null || :
}

# close SESSION LAUNCH ZMX ZMX_DIR: closes the session of an ended launch.
close_session() {
  [ -S "$4/$1" ] || return 0
  read_session "$1"
  [ "$owner" = "$2" ] || return 0
  launch_dir "$2"
  locked || end_session "$1" "$3" "$4"
}

# script-end SIGNAL BOUND_S: USR1 ends the script only, TERM also the launches that it has started. Returns once it has ended.
script_end() {
  launch=$state_dir/script
  i=$(($2 * 10))
  while locked && [ $i -gt 0 ]; do
    # Repeated, because a script that has just started has no traps yet.
    if [ $((i % 20)) -eq 0 ] && script=$(process_in pid); then kill -s "$1" "$script" 2>/dev/null; fi
    sleep 0.1
    i=$((i - 1))
  done
  if locked; then say ended=no; else say ended=yes; fi
}
