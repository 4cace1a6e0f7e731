#!/bin/sh
# Simulates a crash and reboot of a namespace host: every process dies at once, volatile files go, the disk stays.
# Entered from outside; kill -1 spares the first process and this one.
set -eu
kill -KILL -1 || :
find /run /tmp /dev/shm -xdev -mindepth 1 ! -path /run/sandbox ! -path /run/sandbox/boot_id -delete
mkdir -p /run/lock
cat /proc/sys/kernel/random/uuid >/run/sandbox/boot_id
exec sh /etc/sandbox/sshd.sh start
