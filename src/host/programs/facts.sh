# The facts that probe.sh and inspect.sh report. `say` and `encode` are those of common.sh.
# Everything reported is bounded.
: "${whole:?}"

# say_tools NAMES: reports which tools exist. Builtins only, because any tool may be missing. Only the `script` of util-linux counts,
# which returns the exit code; another one may read its standard input, which is this program.
say_tools() {
  # Otherwise every tool would seem to be missing.
  { [ -c /dev/null ] && true >/dev/null; } 2>&1 ||
    refuse host-unsupported 'the login user cannot write to /dev/null, or it is no device: remove it, and as root make it with mknod -m 666 /dev/null c 1 3'
  tools=
  for tool in $1; do
    command -v "$tool" >/dev/null 2>&1 || continue
    if [ "$tool" = script ]; then case $(script --version </dev/null 2>/dev/null) in *util-linux*) ;; *) continue ;; esac; fi
    tools=$tools,$tool
  done
  say "path=$PATH"
  say "tools=$tools"
}

# word_of TEXT: sets code to TEXT as one word: `:TEXT` if it has no special characters, otherwise base64, which starts three programs.
word_of() { case $1 in *[!A-Za-z0-9/._+-]*) code=$(printf '%s' "$1" | encode) ;; *) code=:$1 ;; esac }

# find_places STATE_DIR: sets $state_dir and $zmx_dir; an empty STATE_DIR stands for the default.
find_places() {
  state_dir=$1 zmx_dir='' uid=$(id -u)
  if [ "$uid" = 0 ]; then zmx_dir=/run/chandler/zmx; fi
  if [ -z "$state_dir" ]; then
    if [ "$uid" = 0 ]; then state_dir=/var/lib/chandler; else state_dir=${XDG_STATE_HOME:-$HOME/.local/state}/chandler; fi
  fi
  zmx_dir=${zmx_dir:-$state_dir/zmx-sockets}
}

say_facts() {
  boot='' os=''
  { read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null || :
  while read -r line; do case $line in PRETTY_NAME=*) os=${line#*=} ;; esac; done 2>/dev/null </etc/os-release
  os=${os#\"}
  say "arch=$(printf '%.200s' "$(uname -m)")"
  say "uid=$uid"
  say "boot=$boot"
  word_of "$state_dir"
  say "state_dir=$code"
  word_of "$zmx_dir"
  say "zmx_dir=$code"
  say "os=$(printf '%.1000s' "${os%\"}" | encode)"
}

# say_zmx ZMX_DIR: reports the host's own zmx and its version; sets zmx to its path.
say_zmx() {
  PATH=$PATH:/usr/local/bin:$HOME/.local/bin
  if zmx=$(command -v zmx 2>/dev/null); then
    version=$(ZMX_DIR=$1 timeout 10 zmx version </dev/null 2>/dev/null | head -c 4096)
    word_of "$zmx"
    say "zmx=$code zmx_version=$(printf '%s' "$version" | encode)"
  fi
}
