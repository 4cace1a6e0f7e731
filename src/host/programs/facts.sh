# The facts that probe.sh and inspect.sh report. `say` and `encode` are those of common.sh.
# Everything reported is bounded.
: "${whole:?}"

# say_tools NAMES: reports which tools exist. Builtins only, because any tool may be missing.
say_tools() {
  tools=
  for tool in $1; do
    if command -v "$tool" >/dev/null 2>&1; then tools=$tools,$tool; fi
  done
  say "path=$PATH"
  say "tools=$tools"
}

# find_places STATE_DIR: sets $state_dir and $zmx_dir; an empty STATE_DIR stands for the default.
find_places() {
  state_dir=$1 zmx_dir=
  if [ "$(id -u)" = 0 ]; then zmx_dir=/run/chandler/zmx; fi
  if [ -z "$state_dir" ]; then
    if [ "$(id -u)" = 0 ]; then state_dir=/var/lib/chandler; else state_dir=${XDG_STATE_HOME:-$HOME/.local/state}/chandler; fi
  fi
  zmx_dir=${zmx_dir:-$state_dir/zmx-sockets}
}

say_facts() {
  say "arch=$(uname -m | head -c 200)"
  say "uid=$(id -u)"
  say "boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
  say "state_dir=$(printf '%s' "$state_dir" | encode)"
  say "zmx_dir=$(printf '%s' "$zmx_dir" | encode)"
  say "os=$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | tr -d '"' | head -c 1000 | encode)"
}

# say_zmx ZMX_DIR: reports the host's own zmx and its version; sets zmx to its path.
say_zmx() {
  PATH=$PATH:/usr/local/bin:$HOME/.local/bin
  if zmx=$(command -v zmx 2>/dev/null); then
    version=$(ZMX_DIR=$1 timeout 10 zmx version </dev/null 2>/dev/null | head -c 4096)
    say "zmx=$(printf '%s' "$zmx" | encode) zmx_version=$(printf '%s' "$version" | encode)"
  fi
}
