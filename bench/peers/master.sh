#!/bin/sh
# master.sh DIR: opens one connection to each host of DIR/hosts, all at once, and sends each part of the work over it by itself.
set -u
dir=$1
# A master that was killed leaves its socket.
rm -f "$dir"/*.sock

wait_for() {
  code=0
  for pid in "$@"; do wait "$pid" || code=1; done
  return "$code"
}

provision() {
  set -- ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o "UserKnownHostsFile=$3" \
    -S "$dir/$1.sock" -i "$2" -p "$1" root@127.0.0.1
  "$@" -M -N -f || return
  pids=
  for step in "$dir"/step-*; do
    "$@" "$(cat "$step")" </dev/null &
    pids="$pids $!"
  done
  # shellcheck disable=SC2086 # a list of numbers
  wait_for $pids && "$@" "$(cat "$dir/finalizer")" && "$@" "$(cat "$dir/sentinel")" && "$@" -O exit
}

hosts=
while read -r port key known; do
  provision "$port" "$key" "$known" </dev/null &
  hosts="$hosts $!"
done <"$dir/hosts"
# shellcheck disable=SC2086 # a list of numbers
wait_for $hosts
