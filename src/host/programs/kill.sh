# kill ID GRACE_S SESSION ZMX ZMX_DIR: ends everything of the launch and does not return before nothing is left.
# The step gets TERM and GRACE_S seconds, then KILL. A launch that has not begun never will. Without SESSION that stays.
kill_launch() {
  launch_dir "$1"
  # An order to create it that is still on its way must find that it comes too late.
  [ -d "$launch" ] || entomb
  touch "$launch/cancelled" || :
  sync "$launch" 2>/dev/null || :
  forget_secrets "$1"
  found=0
  i=0
  # Three bounds: the grace, then ten seconds of KILL, because what is killed may have just forked.
  limit=$(($2 * 10 + 100))
  while [ $i -lt $limit ]; do
    pids=$(marked "$1")
    if [ -z "$pids" ]; then
      locked || break
      # The supervisor is about to record the end, or about to begin: then it looks for `cancelled` first.
      if [ $i -ge $(($2 * 10 + 50)) ]; then supervisor | xargs -r kill -9; fi
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
  if [ -n "$3" ] && [ -S "$5/$3" ] && [ "$(cat "$state_dir/sessions/$3" 2>/dev/null)" = "$1" ]; then
    end_session "$3" "$4" "$5"
  fi
  say "killed found=$found left=$left"
  describe
}

# entomb: makes a launch that was never created one that is over.
entomb() {
  mkdir -p "$state_dir/launches" 2>/dev/null
  errors=$({
    new=$(mktemp -d "$state_dir/launches/.new.XXXXXX") &&
      : >"$new/lock" && : >"$new/log" && : >"$new/cancelled" && sync "$new" 2>/dev/null
    mv -T "$new" "$launch"
  } 2>&1) || [ -d "$launch" ] || explain "$errors"
  sync "$state_dir/launches" 2>/dev/null || :
}

# close SESSION LAUNCH ZMX ZMX_DIR: closes the session of an ended launch.
close_session() {
  [ -S "$4/$1" ] && [ "$(cat "$state_dir/sessions/$1" 2>/dev/null)" = "$2" ] || return 0
  launch_dir "$2"
  locked || end_session "$1" "$3" "$4"
}
