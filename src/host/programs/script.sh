# script-read: reports the state of the self-provisioning script.
script_read() {
  work=$state_dir/script
  if [ ! -e "$work/about" ]; then
    say script=absent
    return
  fi
  # Read before the phase; otherwise a script that ends in between would seem to have died.
  alive=yes
  ! flock -n -s "$work/lock" true || alive=no
  outcomes=
  for file in "$work"/*.outcome; do
    [ ! -e "$file" ] || outcomes=$outcomes,$(basename "$file" .outcome):$(cat "$file" 2>/dev/null)
  done
  say "script=present alive=$alive $(tr '\n' ' ' <"$work/about")$(tr '\n' ' ' <"$work/phase" 2>/dev/null)zmx=$(encode 2>/dev/null <"$work/zmx") outcomes=$outcomes"
}

# script-plan: reports its plan as JSON.
script_plan() { say "plan=$(encode <"$state_dir/script/plan")"; }

# script-follow BOUND_S SEEN ID...: waits until the state of the script and its launches differs from SEEN, at most BOUND_S
# seconds.
script_follow() {
  i=$(($1 * 5))
  seen=$2
  shift 2
  while :; do
    found=$(
      token=
      script_read
      states "$@"
    )
    now=$(printf '%s' "$found" | sed 's/ log_bytes=[0-9]*//; s/ elapsed_ms=[0-9]*//' | sha256sum | cut -c 1-16)
    if [ "$now" != "$seen" ] || [ $i -le 0 ]; then break; fi
    sleep 0.2
    i=$((i - 1))
    if [ $((i % 10)) -eq 0 ]; then
      say "progress script=$i"
      for id; do
        launch_dir "$id"
        [ ! -d "$launch" ] || note_time "$(size_of "$launch/log")"
      done
    fi
  done
  say "seen=$now"
}

# script-provisioned OWNER: records that a workflow has finished the work of OWNER's script.
script_provisioned() {
  work=$state_dir/script
  if grep -qxF "owner=$1" "$work/about" 2>/dev/null; then
    put "$work/.phase" 'phase=provisioned
code=
text='
    mv -f "$work/.phase" "$work/phase"
  fi
  say script=settled
}

# read_records PLAN: reports what the records of the plan's parts name, and whether that is done: the launch has ended well, or the
# check was satisfied since.
read_records() {
  for record in "$state_dir/plans/$1"/*; do
    { [ -f "$record" ] && read -r id sum needs <"$record"; } || continue
    done=no
    case $id in
      =*) done=yes ;;
      *)
        launch_dir "$id"
        has_exited
        case " $words" in *' by=kill '*) ;; *' code=0 '*) done=yes ;; esac
        ;;
    esac
    say "record=${record##*/} launch=${id#=} digest=$sum needs=$needs done=$done"
  done
}

# states ID...: reports the state of each launch on its own line.
states() {
  for id; do
    launch_dir "$id"
    about="launch=$id "
    describe
  done
  about=
}
