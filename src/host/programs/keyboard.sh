# Part of a worker's host program: progress lines report whether a step waits for keyboard input.
# `input` identifies the prompt at which a foreground process waits for its terminal; it is `none` if no process waits, and
# missing until that is known. A process that cannot be inspected does not count as waiting.
: "${token?}" "${launch=}"

# progress: reports the size of the log, the prompt, and the end of the log. Reads a log that has not grown only once, because a wait
# may take days.
progress() {
  size=$(size_of "$launch/log")
  turn=$((${turn-0} + 1))
  if [ $((turn % 2)) -eq 0 ]; then watch_keyboard; fi
  if [ "$size" != "${bytes-}" ]; then
    bytes=$size
    note_time "$bytes"
    find_log
    tail=$(tail -c 512 "$log" 2>/dev/null | encode)
  fi
  say "progress log_bytes=$bytes ${input:+input=$input }tail=$tail"
}

# find_log: opens only a regular file, because a step may have replaced its log by something endless.
find_log() {
  log=$launch/log
  [ -f "$log" ] || log=/dev/null
}

# watch_keyboard: updates `input`. A process waits if it has slept since the last inspection; a countdown, which reads with a short
# timeout, wakes up in between. A reported prompt stays reported when a key or a resize wakes its process.
watch_keyboard() {
  # Both are constant while the launch runs.
  root=${root-$(process_in started)} machine=${machine-$(uname -m)}
  prompt='' sleeper=''
  [ -z "$root" ] || find_prompt "$root:0::"
  if [ -z "$prompt" ]; then
    input=none
  elif [ "$prompt" != "${input-}" ]; then
    if [ "$sleeper" = "${last_sleeper-}" ]; then input=$prompt; else input=${last_sleeper+none}; fi
  fi
  last_sleeper=$sleeper
}

# find_prompt ITEM: sets prompt and sleeper if a process waits for a key. Walks the process tree. A queue item is
# PID:TTY:OWNER:RELAYS. TTY: the terminal of the step, or one opened inside it. OWNER: the process that opened TTY (0 for the step's
# own). RELAYS: the processes that pass keys on to TTY, such as apt, sudo and script.
find_prompt() {
  outer=
  while [ $# -gt 0 ]; do
    item=$1
    shift
    pid=${item%%:*} item=${item#*:}
    tty=${item%%:*} item=${item#*:}
    owner=${item%%:*} relays=${item#*:}
    stat=
    # The name of a process may contain line ends.
    while read -r line; do stat=$stat$line; done 2>/dev/null <"/proc/$pid/stat"
    read -r state _ group session own_tty front _ <<EOF
${stat##*) }
EOF
    [ -n "${front-}" ] || continue
    outer=${outer:-$session}
    children=
    for file in /proc/"$pid"/task/*/children; do
      line=
      # The file has no line end.
      read -r line 2>/dev/null <"$file" || children="$children $line"
    done
    if [ "$session" != "$outer" ] && [ "$own_tty" != 0 ]; then
      if [ "$tty" != 0 ] && [ "$own_tty" != "$tty" ]; then relays="$relays $owner"; fi
      tty=$own_tty owner=$pid
      if [ "$state" = S ] && [ "$group" = "$front" ] && waits_for_keys "$pid" "$children" && are_relays "$relays"; then
        name_prompt "$pid"
        return
      fi
    fi
    for child in $children; do set -- "$@" "$child:$tty:$owner:$relays"; done
  done
}

# name_prompt PID: in line mode, the number of bytes read so far distinguishes the prompts of a process.
name_prompt() {
  prompt=$1
  case $(modes) in *' icanon '*) prompt=$1-$(sed -n 's/^rchar: //p' "/proc/$1/io" 2>/dev/null) ;; esac
  sleeper="$1 $(cat /proc/"$1"/task/*/status 2>/dev/null | sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' | tr '\n' ' ')"
}

# waits_for_keys PID CHILDREN: whether only a key can wake the process.
waits_for_keys() {
  inspect_waits "$1"
  case $how:$awaits in
    # Other threads may be working while one blocks in a read that never returns (docker run -i).
    read:tty) [ "$threads" = 1 ] || [ "$has_socket" = no ] ;;
    # The end of a child would also wake it.
    poll:tty) case $2 in *[0-9]*) false ;; esac ;;
    # A process of another user (sudo, passwd) waits for a password if echo is off and Ctrl-C works.
    unknown:*) case $(modes) in *' isig '*' -echo '*) ;; *) false ;; esac ;;
    *) false ;;
  esac
}

# modes: prints the modes of the terminal, with blanks around each.
modes() {
  # The low byte of a tty number is the low byte of the minor number; the rest of the minor is above the major.
  # shellcheck disable=SC2017 # whole numbers
  echo " $(stty -a -F "/dev/pts/$((own_tty % 256 + own_tty / 1048576 * 256))" 2>/dev/null | tr ';\n' '  ') "
}

# are_relays PIDS: whether each reads its own terminal and holds the other end of one.
are_relays() {
  for relay in $1; do
    inspect_waits "$relay"
    case $has_master:$awaits in yes:tty*) ;; *) return 1 ;; esac
  done
}

# inspect_waits PID: sets how the process waits (read, poll, unknown, other), and awaits: `tty` if only a terminal can end the wait,
# `tty+` if something else can, too.
inspect_waits() {
  fds='' has_master=no has_socket=no threads=0 how=other awaits=
  for task in /proc/"$1"/task/*; do
    threads=$((threads + 1))
    case $awaits in tty*) continue ;; esac
    call='' first='' second=''
    read -r call first second _ 2>/dev/null <"$task/syscall"
    # System call numbers of x86_64, and of all later architectures.
    case $machine in
      x86_64) call=$call@ ;;
      aarch64 | riscv64 | loongarch64) call=@$call ;;
      *) call= ;;
    esac
    case $call in
      0@ | 19@ | @63 | @65) how='read' && judge_fds $((first)) ;;
      7@ | 271@ | @73) how=poll && judge_fds "$(polled "$1" $((first)) $((second)))" ;;
      23@ | 270@ | @72) how=poll && judge_fds "$(selected "$1" $((second)) $((first)))" ;;
      232@ | 281@ | 441@ | @22 | @441)
        how=poll
        judge_fds "$(awk '$1 == "tfd:" && $4 ~ /[13579bdf]$/ { print $2 }' "/proc/$1/fdinfo/$((first))" 2>/dev/null)"
        ;;
      @ | '') judge_place ;;
    esac
  done
}

# list_fds: lists the targets of the process's file descriptors. On demand, because most processes wait for something else.
list_fds() {
  # shellcheck disable=SC2012 # links of the kernel
  fds=${fds:-$(ls -l "${task%/task/*}/fd" 2>/dev/null | sed -n 's/^.* \([0-9][0-9]*\) -> /fd\1 /p')}
  case $fds in *' /dev/ptmx'* | *' /dev/pts/ptmx'*) has_master=yes ;; esac
  case $fds in *' socket:'*) has_socket=yes ;; esac
}

# judge_fds FDS: sets awaits for a process that waits for input from FDS.
judge_fds() {
  [ -n "$1" ] || return 0
  list_fds
  others=
  for fd in $1; do
    target=${fds#*"fd$fd "}
    target=${target%%
*}
    case $target in
      /dev/ptmx | /dev/pts/ptmx | *inotify*) others=+ ;;
      /dev/tty* | /dev/pts/* | /dev/console) awaits='tty' ;;
      # Its own events.
      anon_inode:*) ;;
      # The process holds both ends.
      pipe:*) case $fds in *"$target"*"$target"*) ;; *) others=+ ;; esac ;;
      *) others=+ ;;
    esac
  done
  awaits=${awaits:+tty$others}
}

# judge_place: without the right to trace a process (Yama), all that is known is the kernel function in which it sleeps.
judge_place() {
  place=
  read -r place 2>/dev/null <"$task/wchan" || :
  how=unknown
  list_fds
  case $fds in *' /dev/pts/'* | *' /dev/tty'*) ;; *) return ;; esac
  case $place:$has_socket in
    n_tty_read:* | wait_woken:no) how='read' awaits='tty' ;;
    # It may wait for a socket, but programs open /dev/tty for a prompt (ssh).
    wait_woken:yes) case $fds in *' /dev/tty'*) how='read' awaits='tty' ;; esac ;;
    *poll*:no | *select*:no)
      case $(modes)$fds in *' icanon '* | *inotify* | *' pipe:'* | */ptmx*) ;; *) how=poll awaits='tty' ;; esac
      ;;
  esac
}

# polled PID ADDRESS COUNT: prints the file descriptors in an array of struct pollfd that wait for input.
polled() {
  peek "$1" "$2" $(($3 < 64 ? $3 * 8 : 512)) | awk '
    { for (i = 1; i <= NF; i++) byte[n++] = $i }
    END { for (i = 0; i + 7 < n; i += 8) if (byte[i + 4] % 2 || int(byte[i + 4] / 64) % 2) print byte[i] + 256 * byte[i + 1] }'
}
# selected PID ADDRESS COUNT: prints the file descriptors in a set of select.
selected() {
  # shellcheck disable=SC2017 # whole words
  peek "$1" "$2" $((($3 + 31) / 32 * 4)) | awk -v count="$3" '
    { for (i = 1; i <= NF; i++) for (bit = 0; bit < 8; bit++) { if (fd < count && $i % 2) print fd + 0; $i = int($i / 2); fd++ } }'
}
# peek PID ADDRESS BYTES: prints bytes of its memory as numbers.
peek() { dd if="/proc/$1/mem" bs=4 skip=$(($2 / 4)) count=$(($3 / 4)) 2>/dev/null | od -An -v -tu1 2>/dev/null; }
