# Second part of the generated script: runs steps and finalizers.

# launch_id NAME KIND ATTEMPT: sets id.
launch_id() { id=$(printf '["%s","%s","%s",%s]' "$owner" "$1" "$2" "$3" | sha256sum | cut -c 1-20); }
# latest NAME KIND: sets id, attempt, state and code of the part's last launch.
latest() {
  attempt=1
  while launch_id "$1" "$2" $attempt && [ -d "$state_dir/launches/$id" ]; do attempt=$((attempt + 1)); done
  attempt=$((attempt - 1))
  state=absent code=
  [ $attempt -gt 0 ] || return 0
  launch_id "$1" "$2" $attempt
  ask state "$id"
  state=$(value state) code=$(value code)
}
# session_of NAME KIND ATTEMPT: sets session; empty for a finalizer.
session_of() {
  session=$1
  [ "$3" = 1 ] || session=$1.$3
  [ "$2" = step ] || session=
}
# read_record PART: sets was to the latest launch of KIND.NAME, empty without one, had to its digest, since to the launches on which it
# depended, and checked if its check was satisfied since.
read_record() {
  was='' had='' since=''
  [ ! -f "$records/$1" ] || read -r was had since <"$records/$1"
  checked=${was%%[!=]*} was=${was#=}
  was=${was#-}
}
# is_unchanged NAME KIND: whether it is done with the digest $made, and none of the steps $others was launched since. Sets tokens for its
# record.
is_unchanged() {
  tokens=
  # shellcheck disable=SC2154 # others and made are set by drive
  for name in $others; do
    read_record "step.$name"
    tokens=$tokens${was:+,$was}
  done
  tokens=${tokens#,}
  read_record "$2.$1"
  [ "$had" = "$made" ] || return 1
  for name in $(echo "$tokens" | tr , ' '); do
    case ,$since, in *,$name,*) ;; *) return 1 ;; esac
  done
  [ -n "$checked" ] && return
  ask state "$was"
  [ "$(value code)$(value by)" = 0itself ]
}
label() { if [ "$2" = step ]; then echo "$1"; else echo "$1 (finalizer)"; fi; }
end_launch() { ask kill "$id" 5 "$session" "$zmx" "$zmx_dir"; }
outcome_of() { cat "$work/$2.$1.outcome" 2>/dev/null; }
# settle OUTCOME NAME KIND: records the outcome; ends everything if that fails.
settle() {
  echo "$1" | put "$work/$3.$2.outcome" && return
  note "$(label "$2" "$3"): $1, but the outcome cannot be recorded in $work"
  kill -USR2 $$
}
# in_charge: whether the script still runs and has not been asked to stop or leave.
in_charge() { [ ! -e "$work/stop" ] && [ ! -e "$work/leave" ] && kill -0 $$ 2>/dev/null; }

# begin NAME KIND: creates and starts launch $id. Waits for a slow login; recreates a lost session once.
begin() {
  in_charge || return 1
  if ! body=$(mktemp -d "$work/body.XXXXXX"); then
    answers="chandler::0:refused=state-directory-unwritable text=$(printf 'cannot write to %s' "$work" | encode):"
    return 1
  fi
  linger=0
  if [ "$2" = step ] && is_older "$zmx_version" "$linger_before"; then linger=$linger_s; fi
  text "exports $1" >"$body/env"
  text "$2 $1" >"$body/script"
  cat "$body/env" "$body/script" >"$body/whole"
  sum=$(sha256sum <"$body/whole")
  if ! ask create "$id" "${sum%% *}" "step=$1" "attempt=$attempt" "linger=$linger" \
    "$(wc -c <"$body/env" | tr -d ' ')" "$(wc -c <"$body/script" | tr -d ' ')" 0 "${records##*/}/$2.$1 $made $tokens" <"$body/whole"; then
    rm -rf "$body"
    return 1
  fi
  was=$id
  rm -rf "$body"
  waited=0
  while :; do
    ask start "$id" "$state_dir/bin/$supervisor" 10 "$session" "$zmx" "$zmx_dir" </dev/null || return 1
    state=$(value state)
    [ "$state" = created ] && [ $waited -lt "$bound_s" ] && in_charge || return 0
    case $(value waiting) in input | nothing) [ $waited -eq 0 ] || return 0 ;; esac
    waited=$((waited + 10))
  done
}

# is_satisfied NAME: whether the step's check passes, so that the step need not run.
is_satisfied() {
  [ -n "$(text "check $1")" ] || return 1
  true >"$work/$1.checking"
  { text "exports $1"; text "check $1"; } | {
    ask check "$id" 60 "=${was:--}" '' "${records##*/}/step.$1 $made $tokens"
    rm -f "$work/$1.checking"
    [ "$(value code)" = 0 ]
  }
}

# follow: waits for the end of launch $id within its timeout; sets state and code. `ended`: something requested its end, so its code
# means nothing.
follow() {
  answers=$(timeout "$bound_s" sh "$state_dir/bin/$host_program" '' "$state_dir" wait "$id" 10 | tail -n 2)
  state=$(value state)
  if [ -z "$state" ] || [ "$state" = running ]; then
    ask state "$id"
    state=$(value state)
  fi
  if [ "$state" = running ]; then
    end_launch
    # It may have ended by itself meanwhile.
    if [ "$(value by)" = itself ]; then state=exited; else state=late; fi
  elif [ "$(value by)" = kill ]; then
    state=ended
  fi
  code=$(value code)
}

# explain_failure: prints on one line how the launch failed.
explain_failure() {
  case $state in
    exited) if [ "$code" -gt 128 ]; then echo "killed by signal $((code - 128))"; else echo "exit code $code"; fi ;;
    ended) echo "was ended by Chandler" ;;
    late) echo "took longer than $bound_s s and was ended" ;;
    created) echo "its session did not start it ($(value waiting)): $(decoded output | tr '\n' ' ')" ;;
    '') echo "$(value refused): $(decoded text)" ;;
    *) echo "was interrupted ($state)" ;;
  esac
}
# show_end: prints the end of the log of launch $id.
show_end() {
  tail -c 4096 "$state_dir/launches/$id/log" 2>/dev/null | tr -d '\000\r' | tail -n 40 | sed 's/^/    | /' | {
    if [ -n "$log" ]; then tee -a "$log"; else cat; fi
  }
  if [ -S "$zmx_dir/$session" ]; then note "to inspect it: test -S $zmx_dir/$session && ZMX_DIR=$zmx_dir $zmx attach $session"; fi
}

# drive NAME KIND: runs a step or its finalizer to its end. Skips one that is done, waits for one that is running, retries one
# that failed or was interrupted.
drive() {
  needs='' attempts=1 backoff_s=1 bound_s=3600 always=''
  part "$1"
  if [ "$2" = step ]; then await_needs "$1" || return; fi
  latest "$1" "$2"
  session_of "$1" "$2" "$attempt"
  made=$step_sum others=$needs
  if [ "$2" = finalizer ]; then made=$end_sum others=$steps; fi
  if is_unchanged "$1" "$2" && { [ -z "$always" ] || [ "$was" = "$id" ]; }; then
    note "$(label "$1" "$2"): was done before"
    if [ "$was" = "$id" ]; then settle succeeded "$1" "$2"; else settle unchanged "$1" "$2"; fi
    return
  fi
  case $state in
    interrupted) end_launch ;;
    running | created) note "$(label "$1" "$2"): is already running" ;;
  esac
  tries=0
  while in_charge; do
    if [ "$state" = created ] && [ "$attempt" -gt 0 ]; then
      begin "$1" "$2" || state=
    elif [ "$state" != running ]; then
      attempt=$((attempt + 1))
      launch_id "$1" "$2" "$attempt"
      session_of "$1" "$2" "$attempt"
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
    case $state in interrupted | running | created) end_launch ;; esac
    [ $tries -lt "$attempts" ] || break
    note "$(label "$1" "$2"): next attempt in $backoff_s s"
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

# await_needs NAME: false if a needed step has failed.
await_needs() {
  for need in $needs; do
    while in_charge; do
      case $(outcome_of "$need" step) in
        succeeded | satisfied | unchanged) break ;;
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

# drive_all KIND NAME...: runs all at once; returns when all have ended.
drive_all() {
  kind=$1
  shift
  drivers=
  for name; do
    (
      # Some shells keep a descriptor that a redirection replaces.
      exec 7>&-
      drive "$name" "$kind"
    ) &
    drivers="$drivers $!"
  done
  await_drivers
}
# await_drivers: repeats `wait`, which signals interrupt.
await_drivers() {
  for driver in $drivers; do
    while works "$driver"; do wait "$driver"; done
  done
}
# works PID: whether that driver still runs. A later process with the same number has another parent.
works() {
  case $(sed -n 's/^.*) \(.\) \([0-9]*\) .*/\1 \2/p' "/proc/$1/stat" 2>/dev/null) in
    "Z $$") return 1 ;;
    *" $$") ;;
    *) return 1 ;;
  esac
}
working() { for driver in $drivers; do ! works "$driver" || echo "$driver"; done; }
# succeeded KIND NAME...: whether all of them have succeeded.
succeeded() {
  kind=$1
  shift
  for name; do
    case $(outcome_of "$name" "$kind") in succeeded | satisfied | unchanged) ;; *) return 1 ;; esac
  done
}
failed_ones() {
  for name in $steps; do
    for kind in step finalizer; do
      if [ "$(outcome_of "$name" $kind)" = failed ]; then printf '%s ' "$(label "$name" $kind)"; fi
    done
  done
}
