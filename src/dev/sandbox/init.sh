#!/bin/sh
# The first process of a sandbox host: lets the client's key in, starts sshd, then reaps orphans until it is killed.
# Arguments, of a namespace host only: a marker and the host's folder; file descriptor 3 is then told "ready".
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077

# Puts the key where a person would look for it.
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
  # The starter may have died meanwhile; the host is whole all the same.
  echo ready >&3 || :
  exec 3>&-
fi

# A shell that waits for one child reaps all others meanwhile, adopted ones too.
while :; do
  sleep 86400 &
  wait $! || :
done
