#!/bin/sh
# ssh.sh DIR: sends DIR/work.sh over standard input to each host of DIR/hosts, all at once.
set -u
pids=
while read -r port key known; do
  ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o "UserKnownHostsFile=$known" \
    -i "$key" -p "$port" root@127.0.0.1 'bash -s' <"$1/work.sh" &
  pids="$pids $!"
done <"$1/hosts"
code=0
for pid in $pids; do wait "$pid" || code=1; done
exit "$code"
