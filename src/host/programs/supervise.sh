#!/bin/sh
# supervise DIR: runs the launch in DIR once, whatever happens and however often it is asked to.
# DIR holds settings, env, script, lock and secrets-path; this program adds held, started, log and exit. The lock is held
# for as long as it may still write there, and nothing that it starts inherits it.
set -u
umask 077
LC_ALL=C
export LC_ALL
dir=$1
id=${dir##*/}

# put NAME: standard input becomes DIR/NAME in one step, on disk before it is seen.
put() {
  cat >"$dir/.$1" && { sync "$dir/.$1" 2>/dev/null || :; } && mv -f "$dir/.$1" "$dir/$1" && { sync "$dir" 2>/dev/null || :; }
}
# uptime_cs: hundredths of a second since boot: unlike the wall clock it never jumps.
uptime_cs() {
  read -r up _ </proc/uptime
  echo "${up%.*}${up#*.}"
}
drop_secrets() { rm -f "$secrets"; }
# zmx shows the code of this program; 75 (temporary failure) means "not mine to run".
recorded_code() { sed -n 's/^code=//p' "$dir/exit" 2>/dev/null; }

linger=0 generation=1 step='' mask=022 locale=''
# shellcheck disable=SC1091 # written by `create`
. "$dir/settings" || exit 75
secrets=$(cat "$dir/secrets-path") || exit 75
# What is removed below is named by this path. Any other would be a step without its secrets, and files of others taken
# for them.
case $secrets in /*"/secrets/$id") ;; *) exit 75 ;; esac
exec 9>>"$dir/lock" || exit 75
i=0
until flock -n 9; do
  # Another supervisor owns this launch, or somebody only looks. The owner reads the secrets before it writes `started`.
  if [ -e "$dir/started" ]; then drop_secrets; exit 75; fi
  [ $i -lt 100 ] || exit 75
  sleep 0.05
  i=$((i + 1))
done
if [ -e "$dir/exit" ]; then drop_secrets; exit "$(recorded_code)"; fi
if [ -e "$dir/started" ]; then drop_secrets; exit 75; fi

# A hang-up or a termination ends the step, not this program nor what it calls: they stay to record how the step ended.
trap '' HUP INT TERM

begin=$(uptime_cs)
secret_env='' secret_sed=''
# shellcheck disable=SC1090 # written by `start`
if [ -e "$secrets" ]; then . "$secrets"; fi
drop_secrets
# Whoever waits for `started` sees by this, and by a lock that nobody holds, that it will not come.
true >"$dir/held" || exit 75
read -r stat </proc/self/stat
boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
# Room for the record of the end: a step that fills the disk must not keep itself from being over.
head -c 512 /dev/zero | tr '\000' '\n' >"$dir/.exit" || exit 75
# shellcheck disable=SC2086 # the fields after the name in parentheses hold no blanks of their own
set -- ${stat##*) }
printf 'boot=%s\npid=%s\nstart=%s\nat=%s\n' "$boot" "$$" "${20}" "$(date +%s)" | put started || exit 75

# The marker is set inside, so that `kill` finds the step and all it left behind, but neither `script` nor `tee`.
# shellcheck disable=SC2016 # expanded by the inner shell
inner='SHELL=$CHANDLER_SHELL CHANDLER_LAUNCH=$CHANDLER_ID
export SHELL CHANDLER_LAUNCH
unset CHANDLER_SHELL CHANDLER_ID
exec /bin/sh -c "$CHANDLER_GATE"'
# Whoever looks for the marker finds this shell from now on. If the supervisor has died before, somebody may have looked
# already, and the launch is taken for interrupted: then the step must not begin any more.
# shellcheck disable=SC2016,SC2089 # expanded by the inner shell
gate='CHANDLER_LINE=
read -r CHANDLER_LINE <"$CHANDLER_SCRIPT" 2>/dev/null
set -- "$CHANDLER_SCRIPT" "$CHANDLER_LINE"
unset CHANDLER_SCRIPT CHANDLER_GATE CHANDLER_LINE
if flock -n -s "${1%/*}/lock" true 2>/dev/null; then exit 75; fi
case $2 in "#!"*) exec "$1" ;; esac
if command -v bash >/dev/null 2>&1; then exec bash "$1"; fi
exec sh "$1"'

# run_step: the script on a pty of its own, under its environment. Its code is this function's.
run_step() (
  trap - HUP INT TERM
  umask "$mask"
  if [ -n "$locale" ]; then LC_ALL=$locale; else unset LC_ALL; fi
  set -- "$inner" "$pty" "$secret_env" "$dir/env"
  CHANDLER_ID=$id CHANDLER_SCRIPT=$dir/script CHANDLER_GATE=$gate CHANDLER_STEP=$step CHANDLER_GENERATION=$generation
  # shellcheck disable=SC2090 # the gate is a program
  export CHANDLER_ID CHANDLER_SCRIPT CHANDLER_GATE CHANDLER_STEP CHANDLER_GENERATION
  # From here on the names of variables are the plan's.
  set -a
  # shellcheck disable=SC1090 # written by `create`
  . "$4"
  eval "$3"
  # shellcheck disable=SC2034 # read by the inner shell
  CHANDLER_SHELL=${SHELL:-/bin/sh}
  set +a
  if [ "$2" = yes ]; then exec env SHELL=/bin/sh script -q -e -f -c "$1" /dev/null; fi
  exec sh -c "$1" 2>&1
)

# Only the script of util-linux hands on the exit code; without it the step's output is a pipe.
pty=no
case $(script --version 2>/dev/null) in *util-linux*) pty=yes ;; esac
# mask: standard input with every secret starred, byte for byte, line by line; nothing of it ever reaches the disk.
# The program comes through a pipe, because arguments can be seen by everybody.
masks=no
if [ -n "$secret_sed" ] && [ "$(echo yes | sed -u p 2>/dev/null | head -n 1)" = yes ]; then masks=yes; fi
mask() {
  exec 5<&0
  printf '%s\n' "$secret_sed" | LC_ALL=C sed -u -f /dev/stdin /dev/fd/5
}
# keep: standard input into the log and to standard output; false if the log could not take all of it.
keep() { if [ $masks = no ]; then tee -a "$dir/log"; else mask | tee -a "$dir/log"; fi; }

code=143 log=whole
if [ ! -e "$dir/cancelled" ]; then
  exec 4>&1
  if [ $pty = yes ]; then
    # fd 3 carries the code past the pipe, fd 4 is the session's terminal; the step gets neither, nor the lock.
    said=$(
      exec 9>&-
      {
        {
          run_step 3>&- 4>&-
          echo $? >&3
        } | { keep >&4 3>&- 4>&- || echo cut >&3; }
      } 3>&1
    )
    code=
    for word in $said; do
      if [ "$word" = cut ]; then log='cut'; else code=$word; fi
    done
  else
    mkfifo "$dir/.out"
    keep <"$dir/.out" >&4 4>&- 9>&- &
    keeper=$!
    run_step >"$dir/.out" 4>&- 9>&-
    code=$?
    # What the step has left behind may hold the pipe as long as it likes; what it prints from now on is lost.
    i=0
    while kill -0 $keeper 2>/dev/null && [ $i -lt 20 ]; do sleep 0.05; i=$((i + 1)); done
    if kill -9 $keeper 2>/dev/null; then wait $keeper 2>/dev/null; else wait $keeper || log='cut'; fi
    rm -f "$dir/.out"
  fi
  exec 4>&-
fi
# Whoever ends a launch says so before; then its code tells nothing about the step.
by=itself
[ ! -e "$dir/cancelled" ] || by='kill'
# Also what a start has left that did not come to its end.
rm -f "$secrets" "$secrets".*
# A sed that cannot mask as it goes (busybox) does it before anybody is told that the step has ended. In place: what is
# written is as long as what was read, and a full disk must not keep secrets in the log.
if [ -n "$secret_sed" ] && [ $masks = no ] && [ -s "$dir/log" ]; then
  printf '%s\n' "$secret_sed" | LC_ALL=C sed -f /dev/stdin "$dir/log" 1<>"$dir/log"
fi
end=$(uptime_cs)
at=$(date +%s)
# What tells the time may have been killed, too: a record without numbers could never be read.
[ "${end:-0}" -ge "${begin:-0}" ] || end=$begin
# Into the room that was kept for it; where that takes new room all the same (btrfs), somebody has to make some.
until printf 'code=%s\nat=%s\nelapsed_ms=%s\nlog=%s\nby=%s\n' "${code:-137}" "${at:-0}" "$(((end - begin) * 10))" $log $by 1<>"$dir/.exit" &&
  { sync "$dir/log" "$dir/.exit" 2>/dev/null || :; } && mv -f "$dir/.exit" "$dir/exit"; do
  [ -d "$dir" ] || exit "${code:-137}"
  sleep 1
done
sync "$dir" 2>/dev/null || :
exec 9>&-
# zmx 0.5 and 0.6 miss the end of what takes less than half a second.
if [ "$linger" != 0 ]; then sleep "$linger"; fi
exit "${code:-137}"
