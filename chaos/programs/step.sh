# shellcheck shell=bash disable=SC2154 # the settings precede it
# What a step of a campaign does. Run by bash, whose /dev/tcp reaches the ledger without any program of the host.

# tell WORD...: returns once the ledger has it. A step that the ledger does not know must not continue.
tell() {
  local said=
  if exec 7<>"/dev/tcp/127.0.0.1/$port"; then
    echo "$*" >&7
    read -r -t 30 said <&7
    exec 7>&-
  fi
  if [ "$said" != noted ]; then
    echo "the ledger did not take: $*"
    exit 97
  fi
}

note() { tell "step $CHANDLER_LAUNCH $run $kind $step $CHANDLER_ATTEMPT $*"; }

note start
pad=$(printf "%${padding}s" '')
pad=${pad// /.}
for ((i = 1; i <= lines; i++)); do
  echo "$kind $step $CHANDLER_ATTEMPT line $i$pad"
  if [ "$pause" != 0 ]; then sleep "$pause"; fi
done
code=0
if [ "$CHANDLER_ATTEMPT" -le "$fails_until" ]; then code=$fail_code; fi
note end "$code"
if [ "$code" = 0 ] && [ -n "$reboots" ]; then
  tell "reboot $HOSTNAME $CHANDLER_LAUNCH"
  if [ "$reboots" = 'and waits' ]; then sleep 60; fi
fi
exit "$code"
