# read_lease: sets current to the holder of the lease; empty if the host is free.
read_lease() {
  current=
  [ ! -f "$state_dir/lease" ] || read -r current <"$state_dir/lease" || :
}
# lease HOLDER [REPLACES]: takes the lease, or reports its holder and returns false. HOLDER is one word; REPLACES is a holder that
# has certainly ended.
lease() {
  [ -d "$state_dir" ] || mkdir -p "$state_dir"
  exec 8>>"$state_dir/lease.lock" || refuse state-directory-unwritable "cannot write to $state_dir"
  # On a network file system without locks every launch would seem to run, or never to begin.
  errors=$(flock 8 2>&1) || refuse host-unsupported "files in $state_dir cannot be locked: ${errors:-flock fails}"
  read_lease
  if [ -n "$current" ] && [ "$current" != "$1" ] && [ "$current" != "${2:-}" ]; then
    say "lease=held holder=$current"
    return 1
  fi
  if [ "$current" != "$1" ]; then
    put "$state_dir/.lease" "$1"
    mv -f "$state_dir/.lease" "$state_dir/lease" || refuse state-directory-unwritable "cannot write to $state_dir"
  fi
  say "lease=ours had=$current"
}

# release HOLDER: releases the lease if HOLDER has it.
release() {
  exec 8>>"$state_dir/lease.lock"
  flock 8
  read_lease
  [ "$current" != "$1" ] || rm -f "$state_dir/lease"
  say released=yes
}

# sentinel-write PATH SHA256 <content: writes the sentinel, whole or not at all.
sentinel_write() {
  [ -d "${1%/*}/" ] || mkdir -p "${1%/*}/" 2>/dev/null
  temp=$1.chandler-$$
  trap 'rm -f "$temp"' EXIT
  errors=$({ umask 022 && cat >"$temp"; } 2>&1) || {
    if means_full "$errors"; then refuse_full; fi
    refuse sentinel-missing "cannot write $1: $(last_line "$errors")"
  }
  if [ "$(hash_of "$temp")" != "$2" ]; then refuse connection-lost 'the sentinel arrived damaged'; fi
  sync "$temp" 2>/dev/null || :
  mv -f "$temp" "$1" || refuse sentinel-missing "cannot write $1"
  trap - EXIT
  say "sentinel=present content=$(encode <"$1")"
}

# can_be_written PATH: whether it seems writable, without writing.
can_be_written() {
  parent=$1
  while [ ! -e "${parent:=/}" ]; do parent=${parent%/*}; done
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
    refuse sentinel-missing "$1 is not a readable file"
  fi
}

say begun
run_dir
case $subcommand in
  create | start | check | lease | release) "$subcommand" "$@" ;;
  wait) wait_launch "$@" ;;
  state) launch_dir "$1" && describe ;;
  kill) kill_launch "$@" ;;
  close) close_session "$@" ;;
  sentinel-read) sentinel_read "$@" ;;
  sentinel-write) sentinel_write "$@" ;;
  script-*) "script_${subcommand#*-}" "$@" ;;
  *) call_worker_part "$@" ;;
esac
say end
