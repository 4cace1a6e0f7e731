#!/bin/sh
# The first process of a namespace host, in its user namespace: asks namespace.sh over file descriptor 4 to confine it, reads the
# answer from 5, and becomes init.sh with the same arguments.
set -eu
echo >&4
read -r answer <&5
[ "$answer" = yes ]
exec 4>&- 5>&-
exec /bin/sh /etc/sandbox/confined.sh /bin/sh /etc/sandbox/init.sh "$@"
