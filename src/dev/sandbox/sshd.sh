#!/bin/sh
# Controls the sshd of a sandbox host. stop: ends the listener only; drop: cuts every connection.
set -eu
pid_file=/run/sandbox/sshd.pid
log=/var/log/sshd.log

# The name is checked, because another process may have got the id.
listening() {
  [ -s "$pid_file" ] && read -r pid <"$pid_file" && read -r comm <"/proc/$pid/comm" && [ "$comm" = sshd ]
} 2>/dev/null

# Waits up to thirty seconds for a condition.
await() {
  tries=1500
  until "$@"; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then return 1; fi
    sleep 0.02
  done
}

start() {
  if listening; then return 0; fi
  mkdir -p /run/sshd /run/sandbox
  rm -f "$pid_file"
  setsid /usr/sbin/sshd -D -e -f /etc/sandbox/sshd_config </dev/null >>"$log" 2>&1 &
  child=$!
  # shellcheck disable=SC2317 # called through await
  settled() { listening || ! kill -0 "$child" 2>/dev/null; }
  if ! await settled || ! listening; then
    tail -n 5 "$log" >&2
    echo 'sshd did not start' >&2
    return 1
  fi
}

stop() {
  if ! listening; then return 0; fi
  kill "$pid"
  # shellcheck disable=SC2317 # called through await
  stopped() { ! listening; }
  await stopped
}

# Newer sshds serve a connection from processes named sshd-session and sshd-auth.
drop() {
  listener=
  if listening; then listener=$pid; fi
  for process in /proc/[0-9]*; do
    read -r comm <"$process/comm" || continue
    case $comm in
      sshd | sshd-session | sshd-auth) ;;
      *) continue ;;
    esac
    if [ "${process#/proc/}" != "$listener" ]; then kill -KILL "${process#/proc/}" || :; fi
  done 2>/dev/null
}

case $1 in
  start | stop | drop) "$1" ;;
  *) echo "usage: sshd.sh start|stop|drop" >&2 && exit 2 ;;
esac
