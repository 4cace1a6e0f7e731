# shellcheck shell=bash
# Sourced by bash before one of Chandler's programs on a host: checks before each command whether that line is armed.
unset BASH_ENV
aim=$CHAOS_AIM
unset CHAOS_AIM

# Reports to the campaign that an armed line is reached, and waits for its response. Only the first process to reach it does.
aim_stop() {
  mv "/run/chaos/$aim.$1" "/run/chaos/taken.$aim.$1" 2>/dev/null || return 0
  local said=go aim_fd
  # A descriptor that nothing else uses: the program has its own, and `wait` has the lock's.
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
