# lease HOLDER [REPLACES]: one workflow at a time. HOLDER is one word; REPLACES is a holder known to be gone.
lease() {
  mkdir -p "$state_dir"
  exec 8>>"$state_dir/lease.lock" || refuse state-directory-unwritable "cannot write to $state_dir"
  flock 8
  current=$(cat "$state_dir/lease" 2>/dev/null)
  if [ -n "$current" ] && [ "$current" != "$1" ] && [ "$current" != "${2:-}" ]; then
    say "lease=held holder=$current"
    return
  fi
  printf '%s\n' "$1" | write "$state_dir/.lease"
  mv -f "$state_dir/.lease" "$state_dir/lease" || refuse state-directory-unwritable "cannot write to $state_dir"
  say lease=ours
}

# release HOLDER
release() {
  exec 8>>"$state_dir/lease.lock"
  flock 8
  [ "$(cat "$state_dir/lease" 2>/dev/null)" != "$1" ] || rm -f "$state_dir/lease"
  say released=yes
}

# sentinel-write PATH BYTES SHA256 <content: seen whole or not at all.
sentinel_write() {
  mkdir -p "$(dirname -- "$1")" 2>/dev/null
  temp=$1.chandler-$$
  trap 'rm -f "$temp"' EXIT
  errors=$({ cat >"$temp"; } 2>&1) || case $errors in
    *'No space left'* | *'Disk quota'*) explain "$errors" ;;
    *) refuse sentinel-missing "cannot write $1: $(last_line "$errors")" ;;
  esac
  sum=$(sha256sum <"$temp")
  if [ "$(size_of "$temp")" != "$2" ] || [ "${sum%% *}" != "$3" ]; then refuse connection-lost 'the sentinel arrived damaged'; fi
  chmod 644 "$temp"
  sync "$temp" 2>/dev/null || :
  mv -f "$temp" "$1" || refuse sentinel-missing "cannot write $1"
  sentinel_read "$1"
}

# can_be_written PATH: as far as can be told without writing.
can_be_written() {
  parent=$1
  while [ ! -e "$parent" ]; do parent=$(dirname -- "$parent"); done
  [ -w "$parent" ]
}

# sentinel-read PATH [writable]: what is there and cannot be read says nothing, least of all "done". A line that is read has 64 KB at most.
sentinel_read() {
  if [ ! -e "$1" ]; then
    # Better said before a day of work than after it.
    if [ "${2:-}" = writable ] && ! can_be_written "$1"; then refuse sentinel-missing "cannot write $1"; fi
    say sentinel=absent
  elif [ -f "$1" ] && [ -r "$1" ]; then
    say "sentinel=present content=$(head -c 32768 "$1" | encode)"
  else
    refuse sentinel-missing "$1 is not a file that can be read"
  fi
}

# sentinel-remove PATH
sentinel_remove() {
  rm -f "$1" || refuse sentinel-missing "cannot remove $1"
  say sentinel=absent
}

is_older() { [ -n "$(find "$launch" -maxdepth 0 -mtime +"$1" 2>/dev/null)" ]; }

# prune DAYS: forgets launches that ended long ago, and what was left half made.
prune() {
  pruned=0
  for launch in "$state_dir"/launches/* "$state_dir"/launches/.new.*; do
    [ -d "$launch" ] || continue
    is_older "$1" || continue
    if [ -e "$launch/lock" ]; then
      # Held until it is gone: nothing begins in what is being forgotten, and what has just been over stays.
      exec 9<"$launch/lock"
      if ! flock -n 9 || ! is_older "$1"; then continue; fi
    fi
    has_survivors "${launch##*/}" && continue
    # Out of sight in one step: half a launch could look like one that never began.
    gone=$state_dir/launches/.new.gone.$$
    mv -T "$launch" "$gone" && rm -rf "$gone"
    pruned=$((pruned + 1))
  done
  say "pruned=$pruned"
}

# executable PATH
executable() { if [ -x "$1" ]; then say executable=yes; else say executable=no; fi; }

run_dir
case $subcommand in
  create) create "$@" ;;
  start) start "$@" ;;
  wait) wait_launch "$@" ;;
  state) launch_dir "$1" && describe ;;
  kill) kill_launch "$@" ;;
  close) close_session "$@" ;;
  log) read_log "$@" ;;
  check) check "$@" ;;
  await) await "$@" ;;
  lease) lease "$@" ;;
  release) release "$@" ;;
  sentinel-read) sentinel_read "$@" ;;
  sentinel-write) sentinel_write "$@" ;;
  sentinel-remove) sentinel_remove "$@" ;;
  prune) prune "$@" ;;
  executable) executable "$@" ;;
  script) script_read ;;
  script-plan) script_plan ;;
  script-end) script_end "$@" ;;
  script-follow) script_follow "$@" ;;
  states) states "$@" ;;
  *) refuse invalid-input "no such subcommand: $subcommand" ;;
esac
