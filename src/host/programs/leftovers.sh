# marks: prints `PID LAUNCH` for each process with the marker of a launch.
marks() {
  if printf 'a\0' | grep -qzxF a 2>/dev/null; then
    # A variable with several lines is not a marker.
    grep -az '^CHANDLER_LAUNCH=' /dev/null /proc/[0-9]*/environ 2>/dev/null | tr '\000' '\n' |
      sed -n 's,^/proc/\([0-9]*\)/environ:CHANDLER_LAUNCH=\([0-9a-f]*\)$,\1 \2,p'
    return
  fi
  # busybox grep has no -z.
  for process in /proc/[0-9]*; do
    tr '\000' '\n' 2>/dev/null <"$process/environ" | sed -n "s,^CHANDLER_LAUNCH=\([0-9a-f]*\)\$,${process#/proc/} \1,p"
  done 2>/dev/null
}

# count_marked: prints `LAUNCH COUNT` for each launch with processes, including descendants without the marker.
count_marked() {
  {
    marks
    cat /proc/[0-9]*/stat 2>/dev/null
  } | awk '
    NF == 2 { of[$1] = $2; next }
    { pid = $1; sub(/^.*\) /, ""); if ($1 == "Z") delete of[pid]; else parent[pid] = $2 }
    END {
      do {
        more = 0
        for (p in parent) if (!(p in of) && parent[p] in of) { of[p] = of[parent[p]]; more = 1 }
      } while (more)
      for (p in of) if (p in parent) n[of[p]]++
      for (launch in n) print launch, n[launch]
    }'
}

setting() { sed -n "s/^$1='\{0,1\}\([A-Za-z0-9_.-]*\)'\{0,1\}\$/\1/p" "$launch/settings" 2>/dev/null | head -n 1; }

# leftovers: reports each launch that is alive or may still begin, and each session of a finished launch. Processes of a
# successful launch are services and are not reported.
leftovers() {
  counts="
$(count_marked)
"
  for launch in "$state_dir"/launches/*; do
    id=${launch##*/}
    processes=0
    case $counts in *"
$id "*)
      processes=${counts#*"
$id "}
      processes=${processes%%"
"*}
      ;;
    esac
    if [ -e "$launch/exit" ]; then
      [ "$processes" -gt 0 ] || continue
      read_record exit
      case " $words" in *' by=kill '*) ;; *' code=0 '*) continue ;; esac
      state=ended
    elif locked; then
      state=running
    elif [ -e "$launch/exit" ]; then
      # The launch has ended since the processes were counted.
      continue
    elif [ -e "$launch/started" ] || [ -e "$launch/cancelled" ]; then
      [ "$processes" -gt 0 ] || continue
      state=interrupted
    elif [ -d "$launch" ]; then
      state=created
    else
      continue
    fi
    step=$(setting step)
    attempt=$(setting attempt)
    session=$step
    [ "${attempt:-1}" = 1 ] || session=$step.$attempt
    kind=finalizer
    read_session "$session"
    [ "$owner" != "$id" ] || kind=step
    say "leftover=$id is=$state step=$step attempt=${attempt:-1} kind=$kind since=$(time_of "$launch/started") processes=$processes"
  done
  for session in "$state_dir"/sessions/*; do
    [ -S "$zmx_dir/${session##*/}" ] || continue
    read_session "${session##*/}"
    [ -n "$owner" ] || continue
    launch_dir "$owner"
    if [ -e "$launch/exit" ] || [ ! -d "$launch" ] || { [ -e "$launch/started" ] && ! locked; }; then
      say "session=${session##*/} of=$owner"
    fi
  done
  say leftovers=listed
}
