# What only launches need that may reboot their host; a self-provisioning script has none.
: "${launch=}"

# ended_by_reboot: whether the launch was allowed to reboot its host, and the host has rebooted since it began: another boot id proves
# that. Sets words to the record of that end, which nothing could write. It ended when it last wrote to its log.
ended_by_reboot() {
  [ -e "$launch/started" ] && [ ! -e "$launch/cancelled" ] || return
  read_record settings
  word reboot
  [ -n "$value" ] || return
  read_record started
  word boot
  read -r boot_id </proc/sys/kernel/random/boot_id
  [ -n "$value" ] && [ "$value" != "$boot_id" ] || return
  word at
  ended_at=$(stat -c %Y "$launch/log" 2>/dev/null) && [ "$ended_at" -gt "${value:-0}" ] || ended_at=${value:-0}
  words="code=0 at=$ended_at elapsed_ms=$(((ended_at - ${value:-0}) * 1000)) log=whole by=reboot "
}
