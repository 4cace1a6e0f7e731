#!/bin/sh
# supervise DIR SECRETS: runs the launch in DIR once, however often it is called.
# DIR holds settings, env, script and lock; this program adds held, started, log and exit. It holds the lock while it may write
# there; nothing that it starts inherits the lock. SECRETS is a file of shell code, and may be missing.
set -u
umask 077
LC_ALL=C
export LC_ALL
# A login may have closed standard output and error.
true 3>&2 || exec 2>/dev/null
true 3>&1 2>/dev/null || exec >/dev/null
dir=$1
id=${dir##*/}

# read_uptime: sets up to the hundredths of a second since boot, which unlike the wall clock never jump; 0 if they cannot be read: in
# a container the file fails once lxcfs has died.
read_uptime() {
  { read -r up _ </proc/uptime; } 2>/dev/null || up=0.0
  up=${up%.*}${up#*.}
}
# drop_secrets FILE...: removes those that exist.
drop_secrets() { for file; do [ ! -e "$file" ] || rm -f "$file"; done; }
# is_going_down: whether systemd is shutting down, or has been asked to: logind may wait for a while before.
is_going_down() {
  [ ! -e /run/nologin ] && [ ! -e /run/systemd/shutdown/scheduled ] || return 0
  case $(timeout 5 systemctl is-system-running; timeout 5 loginctl show -p PreparingForShutdown) in
    *stopping* | *=yes*) ;;
    *) return 1 ;;
  esac
} 2>/dev/null

# zmx shows the exit code of this program; 75 (temporary failure) means that it did not run the launch.
linger=0 pty='' reboot='' attempt=1 step='' mask=022 locale=''
# shellcheck disable=SC1091 # written by `create`
. "$dir/settings" || exit 75
secrets=$2
# Files under this path are read and removed below, so no other path is accepted.
case $secrets in /*"/secrets/$id") ;; *) exit 75 ;; esac
exec 9>>"$dir/lock" || exit 75
i=0
until flock -n 9; do
  # Another supervisor owns this launch, or a check holds the lock for a moment. The owner reads the secrets before it writes
  # `started`.
  if [ -e "$dir/started" ]; then drop_secrets "$secrets"; exit 75; fi
  [ $i -lt 100 ] || exit 75
  sleep 0.05
  i=$((i + 1))
done
if [ -e "$dir/exit" ]; then drop_secrets "$secrets"; exit "$(sed -n 's/^code=//p' "$dir/exit")"; fi
if [ -e "$dir/started" ]; then drop_secrets "$secrets"; exit 75; fi

# A hang-up, TERM or a key of the terminal ends the step, but not this program, which records how the step ended.
trap '' HUP INT QUIT TSTP TERM

read_uptime
begin=$up
# If the launch has secrets, this also defines `mask` and `masked`.
secret_env='' secret_mask=''
# shellcheck disable=SC1090 # written by `start`
if [ -e "$secrets" ]; then . "$secrets"; fi
drop_secrets "$secrets"
# With this file and a free lock, a waiting `start` knows that the launch will not begin.
true >"$dir/held" || exit 75
read -r stat </proc/self/stat
boot=
read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id || :
# Reserves space for the record of the end, because the step may fill the disk.
printf '%512s\n' '' >"$dir/.exit" || exit 75
# shellcheck disable=SC2086 # the fields after the name in parentheses hold no blanks of their own
set -- ${stat##*) }
printf 'boot=%s\npid=%s\nstart=%s\n' "$boot" "$$" "${20}" >"$dir/.started" || exit 75
mv -f "$dir/.started" "$dir/started" || exit 75
# A power cut must not make the launch unknown once its step has begun, nor the record that names it.
state=${dir%/*/*}
sync "$dir/started" "$dir" "${dir%/*}" "$state" "$state/plans" "$state"/plans/* 2>/dev/null || :
[ ! -p "$dir/begun" ] || echo 1<>"$dir/begun"

# The marker is set inside, so that `kill` finds the step and its leftovers, but not `script` and `tee`.
# shellcheck disable=SC2016 # expanded by the inner shell
inner='SHELL=$CHANDLER_SHELL CHANDLER_LAUNCH=$CHANDLER_ID
export SHELL CHANDLER_LAUNCH
unset CHANDLER_SHELL CHANDLER_ID
exec /bin/sh -c "$CHANDLER_GATE"'
# From now on the marker leads to this shell. If the supervisor has died before, the launch may already count as interrupted, so
# the step must not begin any more.
# The shell leads the session of the pty: the terminal hangs up when it exits, and it traps signals so as not to exit earlier. It
# reports the script's code on fd 3. Then it gives background processes time to ignore the hang-up (nohup) or to leave the session
# (setsid): at most two seconds while one that the hang-up would end is busy. It reports the processes that remain, and exits with
# 100, because `script` exits with 0 if a signal ends it.
# shellcheck disable=SC2016,SC2089 # expanded by the inner shell
gate='read -r CHANDLER_LINE <"$CHANDLER_SCRIPT" 2>/dev/null
set -- "$CHANDLER_SCRIPT" "$CHANDLER_LINE" "$CHANDLER_PATH"
unset CHANDLER_SCRIPT CHANDLER_GATE CHANDLER_LINE CHANDLER_PATH
if [ ! -f "${1%/*}/lock" ] || flock -n -s 0 2>/dev/null <"${1%/*}/lock"; then exit 75; fi
PATH=$3
trap : HUP INT QUIT USR1 USR2 PIPE TERM
case $2 in
"#!"*) set -- "$1" ;;
*) set -- "$1" /bin/sh; if command -v bash >/dev/null; then set -- "$1" bash; fi ;;
esac
$2 "$1" 3>&-
printf "\n%s\n" code=$? >&3 2>/dev/null
i=0
while [ -t 1 ]; do
set --
for p in $(grep -lE "^[0-9]+ \(.*\) [^Z] [0-9]+ $$ $$ " /proc/[0-9]*/stat 2>/dev/null); do set -- "$@" "${p}us"; done
# The two are this shell and grep.
[ $# -gt 2 ] || break
set -- $(grep -LE "^Sig(Blk|Ign|Cgt):.*[13579bdf]$" "$@" 2>/dev/null)
# Idle twice in a row, so that a process that is leaving the session is not reported.
grep -qE "^State:.[RD]" "$@" 2>/dev/null </dev/null || i=$((i + 20))
if [ $i -ge 40 ]; then
for p; do printf "\n%s\n" "hup=$(tr "\0-\37" " " <"${p%status}cmdline")"; done >&3 2>/dev/null
break
fi
sleep 0.05
i=$((i + 1))
done
exit 100'

# run_step: runs the script on its own pty with its environment; returns its code.
run_step() (
  trap - HUP INT QUIT TSTP TERM
  umask "$mask"
  if [ -n "$locale" ]; then LC_ALL=$locale; else unset LC_ALL; fi
  # The step must not use the supervisor's session.
  unset ZMX_SESSION ZMX_SESSION_PREFIX ZMX_DIR TMUX TMUX_PANE
  set -- "$inner" "$pty" "$secret_env" "$dir/env" "${PATH-}"
  CHANDLER_ID=$id CHANDLER_SCRIPT=$dir/script CHANDLER_GATE=$gate CHANDLER_STEP=$step CHANDLER_ATTEMPT=$attempt
  # shellcheck disable=SC2090 # the gate is a program
  export CHANDLER_ID CHANDLER_SCRIPT CHANDLER_GATE CHANDLER_STEP CHANDLER_ATTEMPT
  # From now on variables get the names of the plan, which may be those of this program. bash calculates the values of some.
  set -a +u
  # shellcheck disable=SC1090 # written by `create`
  . "$4"
  eval "$3"
  # shellcheck disable=SC2034 # read by the inner shell
  CHANDLER_SHELL=${SHELL:-/bin/sh} CHANDLER_PATH=$PATH
  # That of the plan may lead to no program.
  PATH=$5
  set +a
  if [ "$2" = yes ]; then SHELL=/bin/sh exec script -q -e -f -c "$1" /dev/null; fi
  exec setsid sh -c "$1" 2>&1
)

# Only the `script` of util-linux returns the exit code; without it the step's output is a pipe. With pty=yes in
# its settings, the worker has found it.
command -v script >/dev/null || pty=no
case ${pty:-$(script --version 2>/dev/null)} in yes) ;; *util-linux*) pty=yes ;; *) pty=no ;; esac
# again COMMAND...: repeats the command while it gets killed.
again() {
  while "$@"; again=$?; [ $again = 137 ]; do :; done
  return $again
}
# report LINE: starts with a line end, because tee may be in the middle of a line.
report() { printf '\n%s\n' "$1"; }
# keep: copies standard input to the log and to standard output, even if the latter goes away or a copying process is killed.
# Standard error gets their messages and the time of a hang-up.
keep() {
  exec 6<&0
  if [ -z "$secret_mask" ]; then
    again tee -a /proc/self/fd/7
  else
    masked | again tee -a /proc/self/fd/7
  fi <&6 &
  trap 'report "lost=$(date +%s)" >&2' HUP
  while wait $!; kept=$?; [ $kept = 129 ]; do :; done
  # The step must not block on its output if nothing can be written.
  [ $kept -lt 2 ] || echo tee:/fd/7 >&2
  [ $kept = 0 ] || cat <&6 >/dev/null
  return $kept
}
# attend: runs the step; reports how its session ended, and the time unless the code is 100.
attend() {
  run_step 4>&- 7>&-
  set -- $?
  [ "$1" = 100 ] || report "died=$(date +%s)" >&3
  report "end=$1" >&3
}

code=143 own=143 log=whole lost='' hup='' nl='
'
if [ ! -e "$dir/cancelled" ]; then
  code=137 own='' died='' tty=no
  exec 4>&1
  [ ! -t 4 ] || tty=yes
  # fd 3 carries reports past the pipe, fd 4 is the session's terminal; the step gets neither of them nor the lock. The shell that
  # leads the step's session holds fd 3, so this waits for the end of the script even if other processes die.
  reports=$(
    exec 9>&-
    # Opened before the step begins, because the step may replace the log by a FIFO, and opening that would block.
    command exec 7>>"$dir/log" || { echo tee:/fd/7; exec 7>/dev/null; }
    if [ $pty = yes ]; then
      { attend | keep >&4 2>&3 3>&- 4>&-; } 3>&1
    else
      mkfifo "$dir/.out"
      # In a subshell: after `keep <…`, dash and busybox keep the pipe of the reports open until `keep` returns, and a background
      # process of the step may delay that without limit.
      (
        exec <"$dir/.out" >&4 2>/dev/null 4>&-
        keep
      ) &
      attend 3>&1 >"$dir/.out"
      # Background processes of the step may hold the pipe without limit.
      i=0
      while kill -0 $! 2>/dev/null && [ $i -lt 20 ]; do sleep 0.05; i=$((i + 1)); done
      if [ $i -lt 20 ] && ! wait $! && { [ $tty = no ] || [ -t 4 ]; }; then echo tee:/fd/7; fi
      rm -f "$dir/.out"
    fi
  )
  set -f
  IFS=$nl
  for line in $reports; do
    value=${line#*=}
    case $line in
      code=*) own=$value ;;
      # A signal has ended `script`, which has read no more output, and after two seconds kills the shell that leads the step's session.
      end=0) code=143 log='cut' ;;
      end=*) code=$value ;;
      # `script` died before the step's script: the terminal was killed, and later output is lost.
      died=*) [ -n "$own" ] || died=$value ;;
      lost=*) lost=${lost:-$value} ;;
      hup=*) hup=$hup$value$nl ;;
      # tee writes a message in pieces, so another line may be in between.
      tee:*/fd/7* | /*/fd/7*) log='cut' ;;
    esac
  done
  set +f
  unset IFS
  # A killed `script` does not restore the session's terminal.
  [ "$code" -lt 129 ] || stty sane <&4
  if [ $tty = no ] || [ -t 4 ]; then lost=; else lost=${lost:-$(date +%s)}; fi
  if [ -n "$own" ]; then
    code=$own
    if [ -n "$died" ]; then lost=${lost:-$died} log='cut'; fi
  elif [ "$code" -lt 129 ] || [ -e "$dir/cancelled" ]; then
    own=$code
  fi
  if [ -n "$hup" ]; then
    [ -z "$secret_mask" ] || hup=$(printf %s "$hup" | mask)
    hup=$(printf %s "$hup" | head -c 240 | base64 | tr -d '\n')
  fi
  exec 4>&-
fi
# A step that reboots its host ends with the reboot, which ends this program, too. It recognises a reboot that has been ordered, and
# waits for one that must come. A shutdown ends the script by a signal.
i=0
while [ -n "$reboot" ] && [ ! -e "$dir/cancelled" ]; do
  case $reboot:$code in
    true:0) ;;
    *:0 | *:129 | *:1[3-9][0-9])
      # The signs may come a moment after the order.
      is_going_down || i=$((i + 1))
      [ $i -lt 3 ] || break
      ;;
    *) break ;;
  esac
  sleep 1
done
# `kill` writes `cancelled` first; then the code means nothing for the step.
by=itself
[ ! -e "$dir/cancelled" ] || by='kill'
# Removes those of an interrupted start, too.
drop_secrets "$secrets" "$secrets".*
read_uptime
end=$up
[ "$end" -ge "$begin" ] || end=$begin
# `date` may have been killed; a record needs numbers.
at=$(date +%s)
# Writes into the reserved space; a file system that needs new space anyway (btrfs) makes this wait. There is no record if the code
# is unknown, because the leader of the step's session was killed, or if the step has removed or replaced its records.
while [ -n "$own" ] && [ -f "$dir/.exit" ] && [ -f "$dir/log" ] && [ ! -d "$dir/exit" ]; do
  printf 'code=%s\nat=%s\nelapsed_ms=%s\nlog=%s\nby=%s\nlost=%s\nhup=%s\n' "$code" "${at:-0}" "$(((end - begin) * 10))" $log $by \
    "$lost" "$hup" 1<>"$dir/.exit" && mv -fT "$dir/.exit" "$dir/exit" && break
  sleep 1
done
sync "$dir/log" "$dir/exit" "$dir" 2>/dev/null || :
exec 9>&-
# zmx 0.5 and 0.6 miss the end of a command that takes less than half a second.
if [ "$linger" != 0 ]; then sleep "$linger"; fi
exit "$code"
