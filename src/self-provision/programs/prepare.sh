# First part of the generated script, after its settings and texts: everything before the steps, from directories to zmx.
# Settings: owner digest wished_state_dir wished_sentinel when_present marker marker_bound_s on_failure keep_sessions wished_log
# zmx_source zmx_explicit zmx_minimum zmx_wanted linger_before linger_s host_program supervisor zmx_key zmx_sha256 steps
# finalizers.
# plan_records names the directory of the plan's records.
# Functions: `text NAME` prints a text, `part NAME` sets needs, attempts, backoff_s, bound_s, always and the digests of a step,
# `release_for CPU` sets zmx_url, zmx_sha256 and zmx_key. Launches are created by the host program, so that a workflow can continue
# them. login_umask and login_locale are those with which the script was started.
: "${login_umask:?}" "${login_locale?}" "${owner:?}" "${digest:?}" "${host_program:?}" "${supervisor:?}" "${zmx_source:?}"

note() {
  line="$(date -u +%Y-%m-%dT%H:%M:%SZ) $*"
  if [ -n "${log:-}" ]; then printf '%s\n' "$line" >>"$log"; fi
  # The subshell keeps a closed standard output from ending the script.
  (printf '%s\n' "$line") 2>/dev/null || :
}
encode() { base64 | tr -d '\n'; }
# put FILE: writes standard input to it, whole or not at all.
put() { cat >"$1.new.$$" && mv -f "$1.new.$$" "$1"; }
# enter PHASE [CODE TEXT]: records the phase for workflows that watch the script.
enter() {
  printf 'phase=%s\ncode=%s\ntext=%s\n' "$1" "${2:-}" "$(printf '%s' "${3:-}" | encode)" | put "$work/phase"
}
# give_up CODE TEXT: ends the script as failed.
give_up() {
  enter failed "$1" "$2"
  note "failed ($1): $2"
  exit 1
}
# value KEY: prints its value in the last answer that has it.
value() { printf '%s\n' "$answers" | sed -n 's/^chandler::[0-9]*:\(.*\):$/\1/p' | tr ' ' '\n' | sed -n "s/^$1=//p" | tail -n 1; }
# decoded KEY: prints its value, decoded from base64.
decoded() { value "$1" | base64 -d 2>/dev/null; }
# ask SUBCOMMAND ARGUMENT...: calls the host program; false if it refused. Processes that it starts must not hold the script's
# lock.
ask() {
  answers=$(
    exec 7>&-
    # Steps run with the umask and locale of the login.
    umask "$login_umask"
    if [ -n "$login_locale" ]; then LC_ALL=$login_locale; else unset LC_ALL; fi
    exec sh "$state_dir/bin/$host_program" '' "$state_dir" "$@"
  )
}
# must SUBCOMMAND ARGUMENT...: like ask, but ends the script if the host program refuses.
must() { ask "$@" || give_up "$(value refused | grep . || echo internal-error)" "$(decoded text | grep . || echo "$1 did not answer")"; }

# find_places: sets the same paths as a workflow would use.
find_places() {
  state_dir=$wished_state_dir
  if [ "$(id -u)" = 0 ]; then
    : "${state_dir:=/var/lib/chandler}"
    zmx_dir=/run/chandler/zmx
  else
    : "${state_dir:=${XDG_STATE_HOME:-$HOME/.local/state}/chandler}"
    zmx_dir=$state_dir/zmx-sockets
  fi
  work=$state_dir/script records=$state_dir/plans/$plan_records
  sentinel=${wished_sentinel:-$state_dir/provisioned}
  log=
}

# open_work: creates the directories and installs the programs. Changes nothing that exists.
open_work() {
  for tool in flock sha256sum base64 awk mktemp timeout setsid; do
    command -v "$tool" >/dev/null 2>&1 || {
      note "failed (host-unsupported): the host has no $tool"
      exit 1
    }
  done
  if ! mkdir -p "$state_dir/bin" "$state_dir/launches" "$work" "$zmx_dir"; then
    note "failed (state-directory-unwritable): cannot write to $state_dir"
    exit 1
  fi
  chmod 700 "$state_dir"
  log=$wished_log
  if [ -z "$log" ]; then
    if [ "$(id -u)" = 0 ] && [ -d /var/log ]; then log=/var/log/chandler-provision.log; else log=$state_dir/script.log; fi
  fi
  true >>"$log" || log=
  if ! true >>"$work/lock"; then
    note "failed (state-directory-unwritable): cannot write to $work"
    exit 1
  fi
  exec 7>>"$work/lock"
  if ! flock -n 7; then
    note "another instance is at work$(sed -n 's/^pid=/, pid /p' "$work/pid" 2>/dev/null); follow it in $log"
    exit 75
  fi
  # This is enough for the records of a run without its logs.
  has_room 256 || give_up disk-full "less than 256 KB are free for $state_dir"
  for program in "$host_program" "$supervisor"; do
    [ -s "$state_dir/bin/$program" ] || text "$program" | put "$state_dir/bin/$program" || give_up disk-full "cannot write to $state_dir"
    chmod 700 "$state_dir/bin/$program"
  done
}

# has_room KB: whether the state directory has so much space left.
has_room() { [ "$(df -Pk "$state_dir" | awk 'NR == 2 { print $4 }')" -gt "$1" ]; }

# introduce: records the plan and this process for workflows that watch the script.
introduce() {
  read -r stat </proc/self/stat
  # shellcheck disable=SC2086 # the fields after the name in parentheses hold no blanks of their own
  set -- ${stat##*) }
  printf 'pid=%s\nstart=%s\n' "$$" "${20}" | put "$work/pid"
  text plan | put "$work/plan"
  printf 'owner=%s\ndigest=%s\nsentinel=%s\nlog=%s\n' "$owner" "$digest" "$(printf '%s' "$sentinel" | encode)" \
    "$(printf '%s' "$log" | encode)" | put "$work/about"
  rm -f "$work"/*.outcome "$work"/*.checking "$work/stop" "$work/leave" "$work/phase"
}

# take_lease: replaces a lease that an earlier script left, but not a workflow's.
take_lease() {
  must lease "script:$owner"
  if [ "$(value lease)" = held ]; then
    holder=$(value holder)
    case $holder in
      script:*) must lease "script:$owner" "$holder" ;;
      *)
        who=$(printf '%s==' "$holder" | tr '_-' '/+' | base64 -d 2>/dev/null | tr -cd '\040-\176')
        note "a workflow provisions this host: $who; if it is over, run: chandler clean TARGET --end"
        exit 75
        ;;
    esac
  fi
  leased=yes
}

# is_done: whether the sentinel counts. An empty or foreign one does; one of this plan with skipped steps does not.
is_done() {
  [ -e "$sentinel" ] || return 1
  recorded=$(head -c 32768 "$sentinel" | sed -n 's/^{.*"digest" *: *"\([^"]*\)".*/\1/p')
  case $when_present:$recorded in
    ignore:* | *:"$digest+skipped") return 1 ;;
    skip:* | *: | *:"$digest") ;;
    *) return 1 ;;
  esac
}

await_marker() {
  [ -n "$marker" ] || return 0
  enter waiting-for-bootstrap
  i=0
  while [ ! -e "$marker" ]; do
    [ $((i % 60)) -ne 0 ] || note "waiting for $marker"
    [ $i -lt "$marker_bound_s" ] || give_up bootstrap-timeout "$marker did not appear within $marker_bound_s s"
    sleep 1
    i=$((i + 1))
  done
}

# is_older VERSION THAN: whether VERSION is older.
is_older() {
  [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)" = "$1" ]
}
# version_of TEXT: the version in the output of `zmx version`; empty if the program is not zmx.
version_of() { printf '%s\n' "$1" | sed -n 's/^zmx[[:blank:]]\{1,\}v\{0,1\}\([0-9]\{1,6\}\.[0-9]\{1,6\}\.[0-9]\{1,6\}\).*/\1/p' | head -n 1; }
# install SUBCOMMAND ARGUMENT...: calls the program that installs zmx. In the background, because a download may take minutes and a
# shell handles no signal while a foreground program runs.
install() {
  subcommand=$1
  shift
  text install-zmx >"$work/install"
  (
    exec 7>&-
    exec setsid sh "$work/install" '' "$state_dir" "$subcommand" "$zmx_dir" '' "$zmx_key" "$zmx_minimum" "$@" >"$work/installed"
  ) &
  installer=$!
  wait $installer
  installed=$?
  installer=
  answers=$(cat "$work/installed")
  rm -f "$work/install" "$work/installed"
  [ $installed -eq 0 ] ||
    give_up "$(value refused | grep . || echo zmx-unavailable)" "$(decoded text | grep . || echo 'zmx could not be installed')"
}

# find_zmx: uses the host's own zmx if it is good enough.
find_zmx() {
  [ "$zmx_source" = release ] || return 1
  zmx=$(PATH=$PATH:/usr/local/bin:${HOME:-/root}/.local/bin command -v zmx) || return 1
  answer=$(ZMX_DIR=$zmx_dir timeout 10 "$zmx" version </dev/null 2>/dev/null)
  zmx_version=$(version_of "$answer")
  [ -n "$zmx_version" ] && ! is_older "$zmx_version" "$zmx_wanted" || return 1
  case $answer in *'chandler shim'*) [ "$zmx_explicit" = no ] ;; esac
}

install_zmx() {
  find_zmx && return
  enter installing-zmx
  if [ "$zmx_source" = tmux ]; then
    command -v tmux >/dev/null 2>&1 || give_up zmx-unavailable 'zmx.source is tmux, and the host has no tmux'
    install find binary "$zmx_sha256" "$(command -v zmx)"
    if [ -z "$(value zmx)" ]; then
      text zmx | put "$state_dir/zmx/.pushed.$zmx_key"
      install take binary "$state_dir/zmx/.pushed.$zmx_key" "$zmx_sha256"
    fi
  else
    release_for "$(uname -m)"
    [ -n "$zmx_url" ] || give_up host-unsupported "there is no zmx release for the CPU $(uname -m)"
    note "installing zmx from $zmx_url"
    install pull "$zmx_url" "$zmx_sha256"
    for pause in 1 2 4 8; do
      case $(value pulled):$(decoded text) in :* | *404*) break ;; esac
      note "$(decoded text): next attempt in $pause s"
      sleep $pause
      install pull "$zmx_url" "$zmx_sha256"
    done
    [ -z "$(value mismatch)" ] || give_up zmx-checksum "$zmx_url has the sha256 $(value mismatch), expected $zmx_sha256; it was neither unpacked nor run"
    [ "$(value pulled)" != no ] || give_up zmx-unavailable "zmx could not be fetched from $zmx_url: $(decoded text)"
  fi
  zmx=$(decoded zmx)
  zmx_version=$(version_of "$(decoded version)")
}
