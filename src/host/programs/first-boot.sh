# Waits for what a new host does at its first boot.
: "${state_dir:=}"

# await EVENT PATH BOUND_S: waits for `file` PATH, for cloud-init to be done (`init`), or until the lock of the package manager is free
# (`packages`). Reports whether that came within BOUND_S seconds; of cloud-init also what it reports about itself and its exit code: 1 if it
# failed, 2 if it recovered from errors.
await() {
  report='' code=0 looks=0 quiet=0
  until "is_$1_over" "$2"; do
    looks=$((looks + 1))
    [ $looks -le $(($3 * 5)) ] || {
      say "appeared=no report=$(printf %s "$report" | encode)"
      return
    }
    sleep 0.2
    [ $((looks % 10)) -ne 0 ] || say "progress waited_s=$((looks / 5))"
  done
  say "appeared=yes code=$code report=$(printf %s "$report" | encode)"
}
is_file_over() { [ -e "$1" ]; }
# is_init_over: whether cloud-init is done or disabled. Its file of results appears when it is done; the command, which is slow, also
# knows whether it will ever run.
is_init_over() {
  if [ -e /run/cloud-init/result.json ]; then every=5; else every=50; fi
  [ $((looks % every)) -eq 0 ] || return
  command -v cloud-init >/dev/null || refuse host-unsupported 'the host has no cloud-init to wait for'
  report=$(timeout 30 cloud-init status --long 2>&1)
  code=$?
  report=$(printf '%s\n' "$report" | head -c 4096)
  case $code:$report in 124:* | *'status: running'* | *'status: not '*) return 1 ;; esac
}
# is_packages_over: whether no process has held a lock of dpkg, apt or rpm for a second, because programs release and take it again.
is_packages_over() {
  for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock \
    /var/lib/rpm/.rpm.lock /usr/lib/sysimage/rpm/.rpm.lock; do
    if [ -e "$lock" ] && grep -q " WRITE [0-9-]* [^ ]*:$(stat -c %i "$lock") " /proc/locks; then quiet=0 report=$lock; fi
  done
  quiet=$((quiet + 1))
  [ $quiet -gt 5 ]
}
