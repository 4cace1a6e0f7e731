# Third part of the generated script: ends what runs, and the script itself.

# end_launches: ends running launches and verifies that.
end_launches() {
  enders=
  for name in $steps; do
    for kind in step finalizer; do
      latest "$name" $kind
      session_of "$name" $kind "$attempt"
      case $state in running | created | interrupted) end_launch & enders="$enders $!" ;; esac
    done
    if [ -e "$work/$name.checking" ]; then
      latest "$name" step
      session=
      launch_id "$name" step $((attempt + 1))
      end_launch &
      enders="$enders $!"
    fi
  done
  # shellcheck disable=SC2086 # a list of numbers
  [ -z "$enders" ] || wait $enders
}
# end_all: ends everything that the script has started or is about to start.
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
# stop SIGNAL CODE: ends everything, then the script with CODE.
stop() {
  trap '' HUP INT TERM USR1 USR2
  note "stopped by $1: ending what runs"
  end_all
  enter stopped
  exit "$2"
}
# leave: hands the work over to a workflow. Running steps continue.
leave() {
  trap '' HUP INT TERM USR1 USR2
  note 'a workflow continues from here'
  true >"$work/leave"
  end_installer
  working | xargs -r kill
  enter left
  exit 75
}
# cut_down: with `onStepFailure: fail` a failure ends the other steps.
cut_down() {
  trap '' USR2
  end_all
}
# finish: releases the lease.
finish() {
  rm -rf "$work"/body.*
  [ "$leased" = no ] || ask release "script:$owner"
}
