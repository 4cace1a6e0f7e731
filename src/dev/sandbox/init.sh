#!/bin/sh
# The first process of a sandbox host: installs the client's key, starts sshd, then reaps orphans until it is killed.
# Arguments, of a namespace host only: a marker and the host's folder. It then writes "ready" to file descriptor 3.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077

for home in /root /home/app; do
  mkdir -p "$home/.ssh"
  cp /etc/sandbox/authorized_keys "$home/.ssh/authorized_keys"
done
chown -R app:app /home/app
chmod 600 /etc/sandbox/host_key
umask 022

if [ $# -eq 0 ]; then
  sh /etc/sandbox/sshd.sh start
else
  sh /etc/sandbox/sshd.sh start 3>&-
  # The starter may have died meanwhile.
  echo ready >&3 || :
  # From now on no process of the host holds a file of the machine open.
  exec 3>&- >/dev/null 2>&1
fi

# While it waits for one child, a shell also reaps adopted ones.
while :; do
  sleep 86400 &
  wait $! || :
done
