#!/bin/sh
# Simulates a crash and reboot of a namespace host: kills every process (kill -1 spares the first one and this one), empties
# volatile directories, and keeps the disk.
set -eu
kill -KILL -1 || :
find /run /tmp /dev/shm -xdev -mindepth 1 ! -path /run/sandbox ! -path /run/sandbox/boot_id -delete
mkdir -p /run/lock
cat /proc/sys/kernel/random/uuid >/run/sandbox/boot_id
exec sh /etc/sandbox/confined.sh sh /etc/sandbox/sshd.sh start
