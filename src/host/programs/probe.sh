# The first thing a host is asked, sent over standard input to `sh -s -- STATE_DIR PROGRAM...`.
# An empty STATE_DIR stands for the default. Facts are lines of key=value, marked `chandler:`.
set -u
umask 077
LC_ALL=C
export LC_ALL
say() { printf 'chandler: %s\n' "$*"; }
text() { base64 | tr -d '\n'; }
have() { if command -v "$1" >/dev/null 2>&1; then say "has_$1=yes"; else say "has_$1=no"; fi; }

state_dir=$1
shift
if [ "$(id -u)" = 0 ]; then zmx_dir=/run/chandler/zmx; else zmx_dir=; fi
if [ -z "$state_dir" ]; then
  if [ "$(id -u)" = 0 ]; then state_dir=/var/lib/chandler; else state_dir=${XDG_STATE_HOME:-$HOME/.local/state}/chandler; fi
fi
zmx_dir=${zmx_dir:-$state_dir/zmx-sockets}
say "arch=$(uname -m)"
say "uid=$(id -u)"
say "boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
say "state_dir=$(printf '%s' "$state_dir" | text)"
say "zmx_dir=$(printf '%s' "$zmx_dir" | text)"
say "os=$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | tr -d '"' | text)"
for tool in bash flock script tmux timeout sha256sum base64 setsid curl wget tar awk mktemp; do have "$tool"; done
# The error text tells a full disk from a read-only one, but a shell's own printf has only one for both.
if errors=$({ mkdir -p "$state_dir/bin" "$state_dir/launches" "$zmx_dir" && head -c 4096 /dev/zero >"$state_dir/.probe" && rm -f "$state_dir/.probe"; } 2>&1); then
  chmod 700 "$state_dir"
  say writable=yes
else
  rm -f "$state_dir/.probe" 2>/dev/null
  say "writable=no text=$(printf '%s' "$errors" | tail -n 1 | text)"
fi
for program; do
  if [ -s "$state_dir/bin/$program" ]; then say "program=$program present=yes"; else say "program=$program present=no"; fi
done
PATH=$PATH:/usr/local/bin:$HOME/.local/bin
if zmx=$(command -v zmx 2>/dev/null); then
  version=$(ZMX_DIR=$zmx_dir timeout 10 zmx version </dev/null 2>/dev/null)
  say "zmx=$(printf '%s' "$zmx" | text) zmx_version=$(printf '%s' "$version" | text)"
fi
