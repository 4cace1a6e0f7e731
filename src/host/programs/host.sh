# lease HOLDER [REPLACES]: takes the lease, or reports its holder. HOLDER is one word; REPLACES is a holder that has certainly
# ended.
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
  say "lease=ours had=$current"
}

# release HOLDER: releases the lease if HOLDER has it.
release() {
  exec 8>>"$state_dir/lease.lock"
  flock 8
  [ "$(cat "$state_dir/lease" 2>/dev/null)" != "$1" ] || rm -f "$state_dir/lease"
  say released=yes
}

# sentinel-write PATH BYTES SHA256 <content: writes the sentinel, whole or not at all.
sentinel_write() {
  mkdir -p "$(dirname -- "$1")" 2>/dev/null
  temp=$1.chandler-$$
  trap 'rm -f "$temp"' EXIT
  errors=$({ cat >"$temp"; } 2>&1) || {
    if means_full "$errors"; then refuse_full; fi
    refuse sentinel-missing "cannot write $1: $(last_line "$errors")"
  }
  sum=$(sha256sum <"$temp")
  if [ "$(size_of "$temp")" != "$2" ] || [ "${sum%% *}" != "$3" ]; then refuse connection-lost 'the sentinel arrived damaged'; fi
  chmod 644 "$temp"
  sync "$temp" 2>/dev/null || :
  mv -f "$temp" "$1" || refuse sentinel-missing "cannot write $1"
  sentinel_read "$1"
}

# can_be_written PATH: whether it seems writable, without writing.
can_be_written() {
  parent=$1
  while [ ! -e "$parent" ]; do parent=$(dirname -- "$parent"); done
  [ -w "$parent" ]
}

# sentinel-read PATH [writable]: refuses a sentinel that cannot be read, because that is not "done". Reads 32 KiB at most.
sentinel_read() {
  if [ ! -e "$1" ]; then
    # Checked before the work of a run, not only after it.
    if [ "${2:-}" = writable ] && ! can_be_written "$1"; then refuse sentinel-missing "cannot write $1"; fi
    say sentinel=absent
  elif [ -f "$1" ] && [ -r "$1" ]; then
    say "sentinel=present content=$(head -c 32768 "$1" | encode)"
  else
    refuse sentinel-missing "$1 is not a file that can be read"
  fi
}

# sentinel-remove PATH: removes the sentinel if it exists.
sentinel_remove() {
  rm -f "$1" || refuse sentinel-missing "cannot remove $1"
  say sentinel=absent
}

# is_unchanged: whether the launch was last changed before the prune began. dash, bash and busybox support -ot.
# shellcheck disable=SC3013
is_unchanged() { [ "$launch" -ot "$state_dir/pruned" ]; }

# prune DAYS: removes up to 200 launches that ended long ago or whose creation was interrupted. One find, one scan of the processes
# and one mv for all of them keep the cost independent of their number.
prune() {
  true >"$state_dir/pruned"
  old=$(find "$state_dir/launches" -mindepth 1 -maxdepth 1 -type d -mtime +"$1" 2>/dev/null)
  pruned=0 gone=
  set --
  if [ -n "$old" ]; then
    # tail starts each file on a new line.
    alive=$(tail -n +1 /proc/[0-9]*/environ 2>/dev/null | tr '\000' '\n' | sed -n 's/^CHANDLER_LAUNCH=\(.*\)/ \1 /p')
    # Moved first, because a half-removed launch could look like one that never began.
    gone=$(mktemp -d "$state_dir/launches/.new.XXXXXX") || old=
  fi
  while IFS= read -r launch && [ -n "$launch" ] && [ $pruned -lt 200 ]; do
    case $alive in *" ${launch##*/} "*) continue ;; esac
    if [ -f "$launch/lock" ] && [ ! -f "$launch/exit" ]; then
      # With the lock held, the launch cannot begin while it is removed.
      exec 9<"$launch/lock"
      flock -n 9 || continue
      if is_unchanged; then mv "$launch" "$gone" && pruned=$((pruned + 1)); fi
    elif is_unchanged; then
      set -- "$@" "$launch"
      pruned=$((pruned + 1))
    fi
  done <<EOF
$old
EOF
  [ $# -eq 0 ] || mv "$@" "$gone"
  rm -rf "$state_dir/pruned" ${gone:+"$gone"}
  say "pruned=$pruned"
}

# executable PATH: reports whether it is an executable file.
executable() { if [ -x "$1" ]; then say executable=yes; else say executable=no; fi; }

say begun
run_dir
case $subcommand in
  create | start | check | await | lease | release | prune | executable | states) "$subcommand" "$@" ;;
  wait) wait_launch "$@" ;;
  state) launch_dir "$1" && describe ;;
  kill) kill_launch "$@" ;;
  close) close_session "$@" ;;
  log) read_log "$@" ;;
  sentinel-read) sentinel_read "$@" ;;
  sentinel-write) sentinel_write "$@" ;;
  sentinel-remove) sentinel_remove "$@" ;;
  script-*) "script_${subcommand#*-}" "$@" ;;
  *) refuse invalid-input "no such subcommand: $subcommand" ;;
esac
say end
