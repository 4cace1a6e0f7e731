# Part of a worker's host program: what a self-provisioning script does not ask of it.
: "${launch=}"

# hold_lease: locks the lease, and refuses unless `holder` has it. A call may reach the host late, when the next run has taken
# the host and has searched it for launches of this one. A step may remove the whole state directory.
hold_lease() {
  lock_lease
  check_lease
}
# lock_lease: locks the lease if there can be one, and reads it.
lock_lease() {
  if [ -e "$state_dir/lease.lock" ]; then
    exec 8<"$state_dir/lease.lock"
    flock 8
  fi
  read_lease
}
check_lease() {
  [ "$current" = "$holder" ] || [ ! -e "$state_dir/lease.lock" ] ||
    refuse lease-held "another run has taken $state_dir"
}

# launch HOLDER ID SHA256 STEP ATTEMPT LINGER ENV_BYTES SCRIPT_BYTES SECRETS_BYTES RECORD TURNS START_ARGUMENT... <secrets, env and
# script
# Does `create`, if HOLDER has the lease or is empty, `start`, and `wait` for TURNS reports, because each call costs an exec.
launch() {
  holder=$1
  shift
  make_launch "$1" "$2" "$3" "$4" "$5" "$6" "$7" "$8" "$9"
  say stage=created
  id=$1 turns=${10}
  shift 10
  begin_launch "$id" "$@"
  wait_launch "$id" 0 1 "$turns"
}

# prepare HOLDER SENTINEL DAYS PLAN MARK: takes the lease; unless another holder has it, also reads the sentinel, which must be
# writable, the state of the self-provisioning script and the records of the plan, and prunes. If the host was free, the sentinel
# contains MARK, and no part of the plan was launched since, there is nothing to do: releases the lease again instead of the rest.
prepare() {
  lease "$1" || return 0
  exec 8>&-
  sentinel_read "$2" writable
  if [ -n "$5" ] && [ -z "$current" ] && [ -f "$2" ] && grep -qF -e "$5" "$2" && ! has_newer_record "$2" "$4"; then
    release "$1"
    return
  fi
  script_read
  [ -d "$state_dir/plans/$4" ] || mkdir -p "$state_dir/plans/$4" 2>/dev/null
  read_records "$4"
  prune "$3"
}

# has_newer_record SENTINEL PLAN: whether a part of the plan may have been launched after the sentinel was written. busybox compares
# whole seconds.
# shellcheck disable=SC3013
has_newer_record() {
  for record in "$state_dir/plans/$2"/*; do
    if [ -e "$record" ] && ! [ "$1" -nt "$record" ]; then return 0; fi
  done
  return 1
}

# finish HOLDER SENTINEL SHA256 ZMX ZMX_DIR [SESSION LAUNCH]... <content: writes the sentinel, closes the sessions of these
# launches, and releases the lease. A repeated call finds the lease released, or held by the next run. It may have waited for the
# first call, which a lost connection does not end.
finish() {
  holder=$1
  lock_lease
  if [ "$current" != "$1" ] && [ -f "$2" ] && [ "$(hash_of "$2")" = "$3" ]; then
    sentinel_read "$2"
    return
  fi
  check_lease
  sentinel_write "$2" "$3"
  exec 8>&-
  zmx=$4 zmx_dir=$5
  shift 5
  while [ $# -gt 1 ]; do
    close_session "$1" "$2" "$zmx" "$zmx_dir" &
    shift 2
  done
  wait
  release "$holder"
}

# sentinel-remove PATH: removes the sentinel if it exists.
sentinel_remove() {
  rm -f "$1" || refuse sentinel-missing "cannot remove $1"
  say sentinel=absent
}

# is_unchanged: whether the launch was last changed before the prune began. dash, bash and busybox support -ot.
# shellcheck disable=SC3013
is_unchanged() { [ "$launch" -ot "$state_dir/pruned" ]; }

# prune DAYS: removes up to 200 launches that ended long ago or whose creation was interrupted, unless a record names them. One
# find, one scan of the processes and one mv for all of them keep the cost independent of their number.
prune() {
  # A new host has none.
  set -- "$1" "$state_dir"/launches/*
  if [ ! -e "$2" ]; then
    set -- "$1" "$state_dir"/launches/.new.*
    [ -e "$2" ] || { say pruned=0; return; }
  fi
  true >"$state_dir/pruned"
  old=$(find "$state_dir/launches" -mindepth 1 -maxdepth 1 -type d -mtime +"$1" 2>/dev/null)
  pruned=0 gone='' named=' '
  set --
  if [ -n "$old" ]; then
    for record in "$state_dir"/plans/*/*; do
      if [ -f "$record" ] && read -r id _ <"$record"; then named="$named${id#=} "; fi
    done
    # tail starts each file on a new line.
    alive=$(tail -n +1 /proc/[0-9]*/environ 2>/dev/null | tr '\000' '\n' | sed -n 's/^CHANDLER_LAUNCH=\(.*\)/ \1 /p')
    # Moved first, because a half-removed launch could look like one that never began.
    gone=$(mktemp -d "$state_dir/launches/.new.XXXXXX") || old=
  fi
  while IFS= read -r launch && [ -n "$launch" ] && [ $pruned -lt 200 ]; do
    case $named$alive in *" ${launch##*/} "*) continue ;; esac
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

# call_worker_part ARGUMENT...: calls the subcommand, which is none of those that a self-provisioning script needs, too.
call_worker_part() {
  case $subcommand in
    await | executable | states | launch | prepare | finish | prune) "$subcommand" "$@" ;;
    log) read_log "$@" ;;
    sentinel-remove) sentinel_remove "$@" ;;
    *) refuse invalid-input "no such subcommand: $subcommand" ;;
  esac
}
