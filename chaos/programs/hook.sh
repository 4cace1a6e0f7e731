# shellcheck shell=bash
# Read by bash before a program of Chandler's on a host: looks before each command whether that line is armed.
unset BASH_ENV
aim=$CHAOS_AIM
unset CHAOS_AIM

# Tells the campaign that the armed line is reached, and waits for its word; of several that reach it one does.
aim_stop() {
  mv "/run/chaos/$aim.$1" "/run/chaos/taken.$aim.$1" 2>/dev/null || return 0
  local said=go aim_fd
  # A free descriptor: the program has its own, `wait` its lock.
  if exec {aim_fd}<>/dev/tcp/127.0.0.1/@PORT@; then
    echo "aim @HOST@ $aim $1" >&"$aim_fd"
    read -r -t 60 said <&"$aim_fd"
    exec {aim_fd}>&-
  fi
  if [ "$said" = die ]; then kill -KILL $$; fi
}
if [ -e /run/chaos/trace ]; then
  trap 'echo "$aim $LINENO" >>/run/chaos/trace' DEBUG
else
  trap '[ ! -e "/run/chaos/$aim.$LINENO" ] || aim_stop "$LINENO"' DEBUG
fi
set -T
