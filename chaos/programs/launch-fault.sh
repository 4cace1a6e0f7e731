#!/bin/sh
# launch-fault WHAT NUMBER: kills a process of a running launch on this host, the NUMBERth of the kind WHAT, and reports that.
# Waits up to three seconds for one; prints nothing if there is none. WHAT: supervisor, tree, shell, pty, session or daemon.
set -u
what=$1 number=$2
state=/var/lib/chandler

# at_work: the supervisor of each launch that has begun and not ended, and that launch.
at_work() {
  for dir in "$state"/launches/*/; do
    if [ -e "${dir}exit" ] || [ ! -e "${dir}started" ]; then continue; fi
    pid=$(sed -n 's/^pid=//p' "${dir}started")
    launch=$(basename "$dir")
    if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "supervise-.*$launch"; then echo "$pid $launch"; fi
  done
}
candidates() {
  case $what in
    daemon) pgrep -x 'tmux: server' ;;
    session) at_work | while read -r pid launch; do grep -l "^$launch " "$state"/sessions/*; done ;;
    pty) at_work | while read -r pid launch; do pgrep -x script -P "$(pgrep -d , -P "$pid")"; done ;;
    shell) at_work | while read -r pid launch; do
      # A finalizer has no session.
      if grep -qr "^$launch " "$state/sessions"; then ps -o ppid= -p "$pid"; fi
    done ;;
    supervisor) at_work | cut -d ' ' -f 1 ;;
    tree) at_work | cut -d ' ' -f 2 ;;
  esac 2>/dev/null
}

tries=60 found=
while [ "$tries" -gt 0 ]; do
  found=$(candidates)
  if [ -n "$found" ]; then break; fi
  sleep 0.05
  tries=$((tries - 1))
done
# shellcheck disable=SC2086 # a list of words
set -- $found
if [ $# -eq 0 ]; then exit 0; fi
shift $((number % $#))
pids=$1
if [ "$what" = session ]; then
  # By hand, as a person would.
  if ZMX_DIR=/run/chandler/zmx zmx kill "$(basename "$1")" >/dev/null; then echo "killed $1"; fi
  exit 0
fi
if [ "$what" = tree ]; then
  pids=$(grep -lzxF "CHANDLER_LAUNCH=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3)
fi
for pid in $pids; do
  # Never the first process of the host.
  if [ "$pid" -gt 1 ] && kill -KILL "$pid" 2>/dev/null; then echo "killed $pid"; fi
done
