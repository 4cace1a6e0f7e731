# What only launches need that may reboot their host; a self-provisioning script has none.
: "${launch=}"

# time_of FILE: prints when it was last written, in seconds since 1970; nothing if it does not exist.
time_of() { stat -c %Y "$1" 2>/dev/null; }

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
  began_at=$(time_of "$launch/started")
  ended_at=$(time_of "$launch/log")
  [ "${ended_at:-0}" -gt "${began_at:-0}" ] || ended_at=$began_at
  words="code=0 at=${ended_at:-0} elapsed_ms=$(((${ended_at:-0} - ${began_at:-0}) * 1000)) log=whole by=reboot "
}
