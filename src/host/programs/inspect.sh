# Inspects a host without changing it: appended to common.sh, script.sh, facts.sh and leftovers.sh, and sent over standard input to
# `sh -s -- TOKEN STATE_DIR SUBCOMMAND ARGUMENT...`. An empty STATE_DIR stands for the default. Nothing here may write: no
# directory, no file, no new lock.
: "${subcommand:?}"
say begun
find_places "$state_dir"

# nearest PATH: PATH, or the nearest directory above it that exists.
nearest() {
  near=$1
  while [ ! -e "$near" ]; do near=$(dirname -- "$near"); done
  printf '%s\n' "$near"
}

# why_unwritable PATH: prints why PATH cannot be written, without trying to write; empty if it seems writable.
why_unwritable() {
  near=$(nearest "$1")
  if [ ! -d "$near" ] && [ "$near" != "$1" ]; then
    echo "$near is not a directory"
  elif is_mounted "$near" ro; then
    # Read from the list of mounts, because for root some shells report everything as writable.
    echo "$near is on a file system that is read-only"
  elif [ ! -w "$near" ]; then
    echo "$near cannot be written by $(id -un)"
  fi
}
# is_mounted PATH OPTION: whether the file system of PATH is mounted with OPTION.
is_mounted() {
  mount=$(df -Pk "$1" 2>/dev/null | awk 'NR == 2 { $1 = $2 = $3 = $4 = $5 = ""; sub(/^ +/, ""); print }')
  awk -v at="$mount" -v option="$2" '$2 == at { options = $4 } END { exit !index("," options ",", "," option ",") }' /proc/mounts 2>/dev/null
}

# free_of FLAGS PATH: prints the free blocks or inodes.
free_of() { df "$1" "$2" 2>/dev/null | awk 'NR == 2 { print $4 }'; }

say_state() {
  near=$(nearest "$state_dir")
  there=no
  [ ! -d "$state_dir" ] || there=yes
  why=$(why_unwritable "$state_dir")
  noexec=no
  if is_mounted "$near" noexec; then noexec=yes; fi
  say "state=$there noexec=$noexec unwritable=$(printf '%s' "$why" | encode) free_kib=$(free_of -Pk "$near") free_inodes=$(free_of -Pi "$near")"
}

# say_sentinel PATH: like sentinel_read in host.sh.
say_sentinel() {
  why=$(why_unwritable "$1" | encode)
  if [ ! -e "$1" ]; then
    say "sentinel=absent sentinel_unwritable=$why"
  elif [ -f "$1" ] && [ -r "$1" ]; then
    say "sentinel=present sentinel_unwritable=$why content=$(head -c 32768 "$1" | encode)"
  else
    say "sentinel=unreadable sentinel_unwritable=$why"
  fi
}

# say_zmx_store: reports the host's own zmx and those that Chandler has installed. zmx creates its ZMX_DIR, so it gets a temporary
# one in memory.
say_zmx_store() {
  if [ -w /dev/shm ]; then shm=/dev/shm; else shm=${TMPDIR:-/tmp}; fi
  if scratch=$(mktemp -d "$shm/chandler-inspect.XXXXXX" 2>/dev/null); then
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 129' HUP INT TERM PIPE
    zmx=
    say_zmx "$scratch"
    if [ -n "$zmx" ]; then say "zmx_sha256=$(hash_of "$zmx" 2>/dev/null)"; fi
    rm -rf "$scratch"
  fi
  for ready in "$state_dir"/zmx/*/zmx; do
    ready=${ready%/zmx}
    [ ! -x "$ready/zmx" ] || say "zmx_ready=${ready##*/}"
  done
}

# say_login: reports how long a login shell takes before it reads commands. A slower one is left running, because it could leave
# locks behind if it were ended.
say_login() {
  HISTFILE='' setsid "$shell" -lic : </dev/null >/dev/null 2>&1 &
  i=0
  while kill -0 $! 2>/dev/null && [ $i -lt 60 ]; do
    sleep 0.1
    i=$((i + 1))
  done
  say "login_ds=$i"
}

# report SENTINEL MARKER TOOLS LOGIN PLAN: an empty SENTINEL stands for the default, an empty MARKER or PLAN for none; an empty LOGIN
# starts no login shell.
report() {
  # Comes first, because later answers replace its values for the same keys. Without a lock file there is no script, and flock
  # would create one.
  if [ -e "$state_dir/script/lock" ]; then script_read; else say script=absent; fi
  say_tools "$3"
  say "now=$(date +%s) user=$(id -un | head -c 1000)"
  say_facts
  say_state
  say_sentinel "${1:-$state_dir/provisioned}"
  if [ -n "$2" ]; then
    if [ -e "$2" ]; then say marker=present; else say marker=absent; fi
  fi
  say "lease=$(head -n 1 "$state_dir/lease" 2>/dev/null | head -c 16384)"
  say_zmx_store
  leftovers
  [ -z "${4:-}" ] || say_login
  [ -z "${5:-}" ] || read_records "$5"
}

# uptime_s: prints the seconds since the boot, which no change of the clock affects.
uptime_s() {
  read -r up _ </proc/uptime
  printf '%s\n' "${up%.*}"
}

# inspect_check ID BOUND_S: runs $check_body as `check` in follow.sh runs it, but it never touches the disk. Reports `late` if it was
# ended after BOUND_S seconds: its code does not show that, because a check may exit with the code of `timeout`, and may exit with 0
# when it is ended.
inspect_check() {
  began=$(uptime_s)
  umask "$login_umask"
  if [ -n "$login_locale" ]; then LC_ALL=$login_locale; else unset LC_ALL; fi
  # shellcheck disable=SC2154 # set by the sender
  printf '%s\n' "$check_body" | {
    exec 8<&0
    CHANDLER_LAUNCH=$1 timeout -k 5 "$2" "$shell" /dev/fd/8 </dev/null >/dev/null 2>&1
    code=$?
    late=no
    if [ $(($(uptime_s) - began)) -ge "$2" ]; then late=yes; fi
    say "check code=$code late=$late"
  }
}

# inspect_file NUMBER PATH: reports what is at a path. Links are not followed. The content is read until second $deadline of the uptime at
# most; the checksum is empty if it cannot be read, and `late` after that time.
inspect_file() {
  if [ -h "$2" ]; then
    say "file=$1 is=link"
  elif [ -d "$2" ]; then
    say "file=$1 is=directory"
  elif [ -f "$2" ]; then
    left=$((deadline - $(uptime_s)))
    sum=late
    if [ $left -gt 0 ]; then
      sum=$(timeout "$left" sha256sum 2>/dev/null <"$2")
      # The code of `timeout` depends on its kind.
      if [ $? -gt 1 ]; then sum=late; fi
    fi
    say "file=$1 is=file $(stat -c 'mode=%a user=%U uid=%u group=%G gid=%g' "$2") sha256=${sum%% *}"
  elif [ -e "$2" ]; then
    say "file=$1 is=special"
  else
    say "file=$1 is=missing"
  fi
}

# inspect_files BOUND_S: each_file, which the sender defines, calls a verb with the number and path of each file.
inspect_files() {
  deadline=$(($(uptime_s) + $1))
  say "own_uid=$(id -u)"
  each_file inspect_file
}

case $subcommand in
  report) report "$@" ;;
  states) states "$@" ;;
  leftovers) leftovers ;;
  check) inspect_check "$@" ;;
  files) inspect_files "$@" ;;
  *) refuse invalid-input "no such subcommand: $subcommand" ;;
esac
say end
