# What the first question (probe.sh) and a look that changes nothing (inspect.sh) both tell. They bring `say` and `encode`.
# What is told is bounded, whatever the host's own programs and files say.
have() { if command -v "$1" >/dev/null 2>&1; then say "has_$1=yes"; else say "has_$1=no"; fi; }

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
  for tool in bash flock script tmux timeout sha256sum base64 setsid curl wget tar awk mktemp; do have "$tool"; done
}

# say_zmx ZMX_DIR: a zmx that is there, and what it says of itself; $zmx is its path.
say_zmx() {
  PATH=$PATH:/usr/local/bin:$HOME/.local/bin
  if zmx=$(command -v zmx 2>/dev/null); then
    version=$(ZMX_DIR=$1 timeout 10 zmx version </dev/null 2>/dev/null | head -c 4096)
    say "zmx=$(printf '%s' "$zmx" | encode) zmx_version=$(printf '%s' "$version" | encode)"
  fi
}
