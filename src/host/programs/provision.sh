# What the generated script does: its settings and texts come before this, and `main "$@"` after it.
# Settings: owner digest wished_state_dir wished_sentinel when_present marker marker_bound_s on_failure keep_sessions wished_log
# zmx_source zmx_explicit zmx_minimum zmx_wanted linger_before linger_s host_program supervisor zmx_key zmx_sha256 steps finalizers.
# Functions: `text NAME` prints a text, `part NAME` sets needs, attempts, backoff_s and bound_s of a step, `release_for CPU`
# sets zmx_url, zmx_sha256 and zmx_key. The launches are those of the host program, so that a workflow can go on from here.
# login_umask and login_locale are those it was started with.
: "${login_umask:?}" "${login_locale?}" "${owner:?}" "${digest:?}" "${host_program:?}" "${supervisor:?}" "${zmx_source:?}"

note() {
  line="$(date -u +%Y-%m-%dT%H:%M:%SZ) $*"
  if [ -n "${log:-}" ]; then printf '%s\n' "$line" >>"$log"; fi
  # In a shell of its own: nobody may read there any more, and that is no reason to end.
  (printf '%s\n' "$line") 2>/dev/null || :
}
encode() { base64 | tr -d '\n'; }
# put FILE: standard input, seen whole or not at all.
put() { cat >"$1.new.$$" && mv -f "$1.new.$$" "$1"; }
# enter PHASE [CODE TEXT]: where the script is, for whoever follows it.
enter() {
  printf 'phase=%s\ncode=%s\ntext=%s\n' "$1" "${2:-}" "$(printf '%s' "${3:-}" | encode)" | put "$work/phase"
}
# give_up CODE TEXT: nothing after this can succeed.
give_up() {
  enter failed "$1" "$2"
  note "failed ($1): $2"
  exit 1
}
# value KEY: of the last answer that has it.
value() { printf '%s\n' "$said" | sed -n 's/^chandler: //p' | tr ' ' '\n' | sed -n "s/^$1=//p" | tail -n 1; }
# decoded KEY
decoded() { value "$1" | base64 -d 2>/dev/null; }
# ask SUBCOMMAND ARGUMENT...: the host program; false if it refused. What it starts must not hold our lock.
ask() {
  said=$(
    exec 7>&-
    # What steps make is for them to share.
    umask "$login_umask"
    if [ -n "$login_locale" ]; then LC_ALL=$login_locale; else unset LC_ALL; fi
    exec sh "$state_dir/bin/$host_program" "$state_dir" "$@"
  )
}
# must SUBCOMMAND ARGUMENT...: as ask, and gives up where that is refused.
must() { ask "$@" || give_up "$(value refused | grep . || echo internal-error)" "$(decoded text | grep . || echo "$1 did not answer")"; }

# find_places: where things are, as a workflow would have them.
find_places() {
  state_dir=$wished_state_dir
  if [ "$(id -u)" = 0 ]; then
    : "${state_dir:=/var/lib/chandler}"
    zmx_dir=/run/chandler/zmx
  else
    : "${state_dir:=${XDG_STATE_HOME:-$HOME/.local/state}/chandler}"
    zmx_dir=$state_dir/zmx-sockets
  fi
  work=$state_dir/script
  sentinel=${wished_sentinel:-$state_dir/provisioned}
  log=
}

# open_work: the directories and the programs; nothing of it changes what is there already.
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
  # What the records of a run take, its logs aside.
  has_room 256 || give_up disk-full "less than 256 KB are free for $state_dir"
  for program in "$host_program" "$supervisor"; do
    [ -s "$state_dir/bin/$program" ] || text "$program" | put "$state_dir/bin/$program" || give_up disk-full "cannot write to $state_dir"
    chmod 700 "$state_dir/bin/$program"
  done
}

# has_room KB
has_room() { [ "$(df -Pk "$state_dir" | awk 'NR == 2 { print $4 }')" -gt "$1" ]; }

# introduce: tells those who follow what this is and who works at it.
introduce() {
  read -r stat </proc/self/stat
  # shellcheck disable=SC2086 # the fields after the name in parentheses hold no blanks of their own
  set -- ${stat##*) }
  printf 'pid=%s\nstart=%s\n' "$$" "${20}" | put "$work/pid"
  # Once the host was provisioned, whoever takes the sentinel away wants everything to run again.
  round=$(cat "$work/round" 2>/dev/null)
  if [ -n "$round" ] && is_done; then round=$((round - 1)); fi
  [ "$round" != 1 ] || round=
  owner=$owner${round:+.$round}
  text plan | put "$work/plan"
  printf 'owner=%s\ndigest=%s\nsentinel=%s\nlog=%s\n' "$owner" "$digest" "$(printf '%s' "$sentinel" | encode)" \
    "$(printf '%s' "$log" | encode)" | put "$work/about"
  rm -f "$work"/*.outcome "$work"/*.checking "$work/stop" "$work/leave" "$work/phase"
}

# take_lease: one that a script has left behind is ours; one of a workflow is not.
take_lease() {
  must lease "script:$owner"
  if [ "$(value lease)" = held ]; then
    holder=$(value holder)
    case $holder in
      script:*) must lease "script:$owner" "$holder" ;;
      *)
        who=$(printf '%s==' "$holder" | tr '_-' '/+' | base64 -d 2>/dev/null | tr -cd '\040-\176')
        note "a workflow provisions this host: $who; if that is over, remove $state_dir/lease"
        exit 75
        ;;
    esac
  fi
  leased=yes
}

# is_done: the sentinel says so. An empty or foreign one counts as done.
is_done() {
  [ -e "$sentinel" ] && [ "$when_present" != ignore ] || return 1
  [ "$when_present" = skip-if-same-plan ] || return 0
  recorded=$(head -c 32768 "$sentinel" | sed -n 's/^{.*"digest" *: *"\([^"]*\)".*/\1/p')
  [ -z "$recorded" ] || [ "$recorded" = "$digest" ]
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

# is_older VERSION THAN
is_older() {
  [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)" = "$1" ]
}
# version_of TEXT: what `zmx version` printed; empty if it is not a zmx that said it.
version_of() { printf '%s\n' "$1" | sed -n 's/^zmx[[:blank:]]\{1,\}v\{0,1\}\([0-9]\{1,6\}\.[0-9]\{1,6\}\.[0-9]\{1,6\}\).*/\1/p' | head -n 1; }
# install SUBCOMMAND ARGUMENT...: of the program that installs zmx. A download may take minutes, and a shell hears no
# signal while something runs in the foreground.
install() {
  subcommand=$1
  shift
  text install-zmx >"$work/install"
  (
    exec 7>&-
    exec setsid sh "$work/install" "$state_dir" "$subcommand" "$zmx_dir" '' "$zmx_key" "$zmx_minimum" "$@" >"$work/installed"
  ) &
  installer=$!
  wait $installer
  installed=$?
  installer=
  said=$(cat "$work/installed")
  rm -f "$work/install" "$work/installed"
  [ $installed -eq 0 ] ||
    give_up "$(value refused | grep . || echo zmx-unavailable)" "$(decoded text | grep . || echo 'zmx could not be installed')"
}

# find_zmx: one that the host has already, if it will do.
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
    [ -z "$(value mismatch)" ] || give_up zmx-checksum "$zmx_url has the sha256 $(value mismatch), expected is $zmx_sha256; it was not unpacked and not run"
    [ "$(value pulled)" != no ] || give_up zmx-unavailable "zmx could not be fetched from $zmx_url: $(decoded text)"
  fi
  zmx=$(decoded zmx)
  zmx_version=$(version_of "$(decoded version)")
}

# launch_id NAME KIND GENERATION
launch_id() { id=$(printf '["%s","%s","%s",%s]' "$owner" "$1" "$2" "$3" | sha256sum | cut -c 1-20); }
# latest NAME KIND: the last launch of a part, and what became of it.
latest() {
  generation=1
  while launch_id "$1" "$2" $generation && [ -d "$state_dir/launches/$id" ]; do generation=$((generation + 1)); done
  generation=$((generation - 1))
  state=absent code=
  [ $generation -gt 0 ] || return 0
  launch_id "$1" "$2" $generation
  ask state "$id"
  state=$(value state) code=$(value code)
}
# session_of NAME KIND GENERATION: a finalizer has none.
session_of() {
  session=$1
  [ "$3" = 1 ] || session=$1.$3
  [ "$2" = step ] || session=
}
label() { if [ "$2" = step ]; then echo "$1"; else echo "$1 (finalizer)"; fi; }
end_launch() { ask kill "$id" 5 "$session" "$zmx" "$zmx_dir"; }
outcome_of() { cat "$work/$2.$1.outcome" 2>/dev/null; }
# settle OUTCOME NAME KIND: where that can't be recorded, nothing else can go on either.
settle() {
  echo "$1" | put "$work/$3.$2.outcome" && return
  note "$(label "$2" "$3"): $1, but that cannot be recorded in $work"
  kill -USR2 $$
}
# in_charge: this script still runs, and was told neither to stop nor to leave.
in_charge() { [ ! -e "$work/stop" ] && [ ! -e "$work/leave" ] && kill -0 $$ 2>/dev/null; }

# begin NAME KIND: creates and starts the launch ID; what never begins is started again.
begin() {
  in_charge || return 1
  if ! body=$(mktemp -d "$work/body.XXXXXX"); then
    said="chandler: refused=state-directory-unwritable text=$(printf 'cannot write to %s' "$work" | encode)"
    return 1
  fi
  linger=0
  if [ "$2" = step ] && is_older "$zmx_version" "$linger_before"; then linger=$linger_s; fi
  printf 'step=%s\ngeneration=%s\nlinger=%s\n' "$1" "$generation" "$linger" >"$body/settings"
  text "env $1" >"$body/env"
  text "$2 $1" >"$body/script"
  cat "$body/settings" "$body/env" "$body/script" >"$body/whole"
  sum=$(sha256sum <"$body/whole")
  if ! ask create "$id" "$(wc -c <"$body/whole" | tr -d ' ')" "${sum%% *}" "$(wc -c <"$body/settings" | tr -d ' ')" \
    "$(wc -c <"$body/env" | tr -d ' ')" <"$body/whole"; then
    rm -rf "$body"
    return 1
  fi
  rm -rf "$body"
  start=1
  while :; do
    ask start "$id" "$state_dir/bin/$supervisor" $((start * 10)) "$session" "$zmx" "$zmx_dir" </dev/null || return 1
    state=$(value state)
    [ "$state" = created ] && [ $start -lt 5 ] && in_charge || return 0
    start=$((start + 1))
  done
}

# is_satisfied NAME: its check says that the step need not run.
is_satisfied() {
  [ -n "$(text "check $1")" ] || return 1
  true >"$work/$1.checking"
  { text "exports $1"; text "check $1"; } | {
    ask check "$id" 60
    rm -f "$work/$1.checking"
    [ "$(value code)" = 0 ]
  }
}

# follow: waits for the end of launch ID, for as long as its time goes on; sets state and code.
follow() {
  said=$(timeout "$bound_s" sh "$state_dir/bin/$host_program" "$state_dir" wait "$id" 10 | tail -n 1)
  state=$(value state) code=$(value code)
  if [ -z "$state" ] || [ "$state" = running ]; then
    ask state "$id"
    state=$(value state) code=$(value code)
    [ "$state" = running ] || return 0
    end_launch
    # It may have come to its own end meanwhile.
    if [ "$(value by)" = itself ]; then state=exited code=$(value code); else state=late; fi
  fi
}

# explain_failure: one line that tells how the launch failed.
explain_failure() {
  case $state in
    exited) if [ "$code" -gt 128 ]; then echo "killed by signal $((code - 128))"; else echo "exit code $code"; fi ;;
    late) echo "took longer than $bound_s s and was ended" ;;
    created) echo 'its session never began it' ;;
    '') echo "$(value refused): $(decoded text)" ;;
    *) echo "was cut short ($state)" ;;
  esac
}
# show_end: the end of the log of launch ID, as a person would read it.
show_end() {
  tail -c 4096 "$state_dir/launches/$id/log" 2>/dev/null | tr -d '\000\r' | tail -n 40 | sed 's/^/    | /' | {
    if [ -n "$log" ]; then tee -a "$log"; else cat; fi
  }
  if [ -n "$session" ]; then note "look around with: ZMX_DIR=$zmx_dir $zmx attach $session"; fi
}

# drive NAME KIND: brings a step or its finalizer to its end. One that was done stays done, one that runs is waited for,
# one that failed, or was cut short, is tried again.
drive() {
  needs='' attempts=1 backoff_s=1 bound_s=3600
  part "$1"
  if [ "$2" = step ]; then await_needs "$1" || return; fi
  latest "$1" "$2"
  session_of "$1" "$2" "$generation"
  case $state in
    exited)
      if [ "$code" = 0 ]; then
        note "$(label "$1" "$2"): was done before"
        settle succeeded "$1" "$2"
        return
      fi
      ;;
    interrupted) end_launch ;;
    running | created) note "$(label "$1" "$2"): is under way already" ;;
  esac
  tries=0
  while in_charge; do
    if [ "$state" = created ] && [ "$generation" -gt 0 ]; then
      begin "$1" "$2" || state=
    elif [ "$state" != running ]; then
      generation=$((generation + 1))
      launch_id "$1" "$2" "$generation"
      session_of "$1" "$2" "$generation"
      if [ "$2" = step ] && is_satisfied "$1"; then
        note "$1: is satisfied"
        settle satisfied "$1" "$2"
        return
      fi
      note "$(label "$1" "$2"): begins"
      begin "$1" "$2" || state=
    fi
    case $state in running | exited) follow ;; esac
    if [ "$state" = exited ] && [ "$code" = 0 ]; then
      note "$(label "$1" "$2"): done"
      settle succeeded "$1" "$2"
      return
    fi
    tries=$((tries + 1))
    note "$(label "$1" "$2"): failed: $(explain_failure)"
    show_end
    if [ "$state" = interrupted ] || [ "$state" = running ]; then end_launch; fi
    [ $tries -lt "$attempts" ] || break
    note "$(label "$1" "$2"): is tried again in $backoff_s s"
    i=0
    while [ $i -lt "$backoff_s" ] && in_charge; do
      sleep 1
      i=$((i + 1))
    done
    state=retry
  done
  in_charge || return
  settle failed "$1" "$2"
  if [ "$on_failure" = fail ]; then kill -USR2 $$; fi
}

# await_needs NAME: false if one of them has failed for good.
await_needs() {
  for need in $needs; do
    while in_charge; do
      case $(outcome_of "$need" step) in
        succeeded | satisfied) break ;;
        failed | blocked)
          note "$1: does not run, because $need has failed"
          settle blocked "$1" step
          return 1
          ;;
      esac
      sleep 0.1
    done
  done
  in_charge
}

# drive_all KIND NAME...: all at once; returns when all have come to their end.
drive_all() {
  kind=$1
  shift
  drivers=
  for name; do
    (
      # A shell may keep what a redirection takes away.
      exec 7>&-
      drive "$name" "$kind"
    ) &
    drivers="$drivers $!"
  done
  await_drivers
}
# await_drivers: a signal interrupts `wait`, so it is asked again.
await_drivers() {
  for driver in $drivers; do
    while works "$driver"; do wait "$driver"; done
  done
}
# works PID: that driver has not come to its end; what has its number later is not ours.
works() {
  case $(sed -n 's/^.*) \(.\) \([0-9]*\) .*/\1 \2/p' "/proc/$1/stat" 2>/dev/null) in
    "Z $$") return 1 ;;
    *" $$") ;;
    *) return 1 ;;
  esac
}
working() { for driver in $drivers; do ! works "$driver" || echo "$driver"; done; }
# succeeded KIND NAME...
succeeded() {
  kind=$1
  shift
  for name; do
    case $(outcome_of "$name" "$kind") in succeeded | satisfied) ;; *) return 1 ;; esac
  done
}
failed_ones() {
  for name in $steps; do
    for kind in step finalizer; do
      if [ "$(outcome_of "$name" $kind)" = failed ]; then printf '%s ' "$(label "$name" $kind)"; fi
    done
  done
}

# end_launches: those that are under way, and the checks of those that may come to be.
end_launches() {
  enders=
  for name in $steps; do
    for kind in step finalizer; do
      latest "$name" $kind
      session_of "$name" $kind "$generation"
      case $state in running | created | interrupted) end_launch & enders="$enders $!" ;; esac
    done
    if [ -e "$work/$name.checking" ]; then
      latest "$name" step
      session=
      launch_id "$name" step $((generation + 1))
      end_launch &
      enders="$enders $!"
    fi
  done
  # shellcheck disable=SC2086 # a list of numbers
  [ -z "$enders" ] || wait $enders
}
# end_all: nothing that the script has started goes on, nor what is just about to begin.
end_all() {
  true >"$work/stop" || working | xargs -r kill
  end_installer
  while [ -n "$(working)" ]; do
    end_launches
    sleep 0.1
  done
  end_launches
}
end_installer() { [ -z "$installer" ] || kill -s TERM -- "-$installer" 2>/dev/null; }
# stop SIGNAL CODE
stop() {
  trap '' HUP INT TERM USR1 USR2
  note "stopped by $1: what runs is being ended"
  end_all
  enter stopped
  exit "$2"
}
# leave: somebody else goes on from here; what runs goes on.
leave() {
  trap '' HUP INT TERM USR1 USR2
  note 'somebody else goes on from here'
  true >"$work/leave"
  end_installer
  working | xargs -r kill
  enter left
  exit 75
}
# cut_down: with `onStepFailure: fail` the others end, too.
cut_down() {
  trap '' USR2
  end_all
}
# finish: lets others have the host.
finish() {
  rm -rf "$work"/body.*
  [ "$leased" = no ] || ask release "script:$owner"
}

close_sessions() {
  [ "$keep_sessions" != all ] || return 0
  for name in $steps; do
    latest "$name" step
    session_of "$name" step "$generation"
    [ "$generation" = 0 ] || [ "$code" != 0 ] || ask close "$session" "$id" "$zmx" "$zmx_dir"
  done
}

# write_sentinel: last of all, and read back.
write_sentinel() {
  enter verifying
  content=$(printf '{"digest":"%s","plan":%s,"script":"%s","provisionedAt":"%s","steps":[' "$digest" "$(text plan-name)" "$owner" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    comma=
    for name in $steps; do
      printf '%s{"name":"%s","state":"%s"}' "$comma" "$name" "$(outcome_of "$name" step)"
      comma=,
    done
    printf ']}')
  sum=$(printf '%s\n' "$content" | sha256sum)
  printf '%s\n' "$content" >"$work/sentinel"
  must sentinel-write "$sentinel" "$(wc -c <"$work/sentinel" | tr -d ' ')" "${sum%% *}" <"$work/sentinel"
  rm -f "$work/sentinel"
  [ "$(decoded content)" = "$content" ] || give_up sentinel-missing "$sentinel does not read back as written"
}

run() {
  leased=no drivers='' installer=''
  # The next file that is opened would be taken for one that is closed.
  { true >&1; } 2>/dev/null || exec >/dev/null
  true >&2 || exec 2>/dev/null
  # Whoever pipes this to a shell has nothing else to say.
  exec </dev/null
  open_work
  introduce
  trap finish EXIT
  trap 'stop HUP 129' HUP
  trap 'stop INT 130' INT
  trap 'stop TERM 143' TERM
  trap leave USR1
  trap cut_down USR2
  if is_done; then
    note "$sentinel is there: nothing to do"
    enter provisioned
    exit 0
  fi
  take_lease
  await_marker
  install_zmx
  printf '%s' "$zmx" | put "$work/zmx"
  note "zmx $zmx_version at $zmx"
  enter steps
  # shellcheck disable=SC2086 # a list of names
  drive_all step $steps
  # shellcheck disable=SC2086
  if succeeded step $steps; then
    enter finalizers
    for name in $finalizers; do
      drive_all finalizer "$name"
      succeeded finalizer "$name" || break
    done
  fi
  # shellcheck disable=SC2086
  if ! succeeded step $steps || ! succeeded finalizer $finalizers; then
    close_sessions
    failed=$(failed_ones)
    [ -n "$failed" ] || has_room 16 || give_up disk-full "no space left for $state_dir"
    [ -n "$failed" ] || give_up state-directory-unwritable "cannot write to $work"
    give_up step-failed "${failed}failed; neither finished nor marked as provisioned. To go on: $0"
  fi
  write_sentinel
  echo $((${round:-1} + 1)) | put "$work/round"
  close_sessions
  enter provisioned
  note "provisioned: $sentinel"
}

show_status() {
  owner=$(sed -n 's/^owner=//p' "$work/about" 2>/dev/null)
  sed -n 's/^phase=//p' "$work/phase" 2>/dev/null || echo 'has not begun'
  for name in $steps; do
    for kind in step finalizer; do
      case " $finalizers " in *" $name "*) ;; *) [ $kind = step ] || continue ;; esac
      latest "$name" $kind
      printf '%s\t%s%s\n' "$(label "$name" $kind)" "$state" "${code:+ $code}"
    done
  done
}

# ask_to_stop: returns once nothing runs any more.
ask_to_stop() {
  if [ ! -e "$work/lock" ] || flock -n -s "$work/lock" true 2>/dev/null; then
    echo 'nothing is at work'
    return
  fi
  ask script-end TERM 600
  if [ "$(value ended)" != yes ]; then
    echo "it has not ended; follow it in $(sed -n 's/^log=//p' "$work/about" | base64 -d)" >&2
    exit 1
  fi
}

main() {
  find_places
  case ${1:-run} in
    run) run ;;
    status) show_status ;;
    stop) ask_to_stop ;;
    *)
      echo "usage: $0 [run | status | stop]
  run     provisions this host, going on from where it was (default)
  status  where it is, step by step
  stop    ends it, with everything that it has started"
      [ "$1" = --help ] || exit 2
      ;;
  esac
}
