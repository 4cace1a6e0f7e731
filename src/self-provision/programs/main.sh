# Last part of the generated script: sentinel, run, status and stop.

close_sessions() {
  [ "$keep_sessions" != all ] || return 0
  for name in $steps; do
    latest "$name" step
    session_of "$name" step "$attempt"
    [ "$attempt" = 0 ] || [ "$code" != 0 ] || ask close "$session" "$id" "$zmx" "$zmx_dir"
  done
}

# write_sentinel: writes the sentinel last and reads it back.
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
  must sentinel-write "$sentinel" "${sum%% *}" <"$work/sentinel"
  rm -f "$work/sentinel"
  [ "$(decoded content)" = "$content" ] || give_up sentinel-missing "$sentinel does not read back as written"
}

run() {
  leased=no drivers='' installer=''
  # Otherwise the next file that is opened would get the number of a closed descriptor.
  { true >&1; } 2>/dev/null || exec >/dev/null
  true >&2 || exec 2>/dev/null
  # The script itself may arrive over standard input, which steps must not read.
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
    give_up step-failed "${failed}failed; neither finished nor marked as provisioned. To continue: $0"
  fi
  write_sentinel
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

# ask_to_stop: returns once everything has ended.
ask_to_stop() {
  if [ ! -e "$work/lock" ] || flock -n -s "$work/lock" true 2>/dev/null; then
    echo 'nothing runs'
    return
  fi
  ask script-end TERM 600
  if [ "$(value ended)" != yes ]; then
    echo "it has not ended; see $(sed -n 's/^log=//p' "$work/about" | base64 -d)" >&2
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
      printf '%s\n' "usage: $0 [run | status | stop]" \
        '  run     provisions this host (default)' \
        '  status  shows the state of each step' \
        '  stop    ends all that it has started'
      [ "$1" = --help ] || exit 2
      ;;
  esac
}
