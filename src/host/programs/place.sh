# Begins the script of a launch whose step has files: places them, becomes the step's own script, and runs it. `each VERB` calls VERB
# for each file with KEY PATH MODE OWNER SHA256 and where its content comes from: `packed FROM_END BYTES`, counted from the end of
# this script, `secret VARIABLE` or `url ADDRESS`. SHA256 is empty for a secret. `own_script` prints the step's own script.
# Everything here runs in a subshell, because the step's variables may have any name.

fail() {
  printf 'cannot place %s: %s\n' "$path" "$1"
  exit 73
}
last_line() { printf '%s\n' "$1" | grep . | tail -n 1 | cut -c 1-300; }
packed() { tail -c "$1" "$0" | head -c "$2" | base64 -d; }
secret() { eval "printf %s \"\$$1\"" | cat; }
# url ADDRESS: the timeout of the step bounds it.
url() {
  if command -v curl >/dev/null 2>&1; then
    curl -gfsSL --proto =http,https --proto-redir =http,https --connect-timeout 10 -Y 1 -y 15 "$1"
  elif command -v wget >/dev/null 2>&1; then
    address=$1
    set --
    # busybox wget has no such options.
    case $(wget --help 2>&1) in *--tries*) set -- -nv -T 15 -t 1 ;; esac
    wget "$@" -O - "$address"
  else
    echo 'the host has neither curl nor wget' >&2
    return 1
  fi
}

# enter PATH: goes to the directory of the file, which then stays the same even if a directory above it is replaced; sets path, name
# and temp.
enter() {
  path=$1 name=${1##*/} temp=.chandler-new.$key
  parent=${path%/*}
  cd -P "${parent:-/}" 2>/dev/null || return
}

# stage: writes the file beside its place. A user who may write to that directory can replace any name in it at any moment, so the
# file is created new, and written and changed by its descriptor only.
stage() {
  key=$1
  if ! enter "$2"; then
    errors=$(umask 022 && mkdir -p "$parent" 2>&1) || fail "$(last_line "$errors")"
    enter "$2" || fail "cannot enter $parent"
  fi
  if [ ! -h "./$name" ] && [ -e "./$name" ] && [ ! -f "./$name" ]; then
    if [ -d "./$name" ]; then fail 'it is a directory'; fi
    fail 'it is a device, a FIFO or a socket'
  fi
  mode=$3 owner=$4 sha256=$5
  shift 5
  # An attempt that was killed may have left it.
  errors=$(rm -f "./$temp" 2>&1) || fail "$(last_line "$errors")"
  set -C
  { command exec 5>"./$temp"; } 2>/dev/null || fail "cannot write to ${parent:-/}"
  set +C
  [ -f /proc/self/fd/5 ] || fail "cannot write to ${parent:-/}"
  errors=$("$@" 2>&1 >&5)
  failed=$?
  actual=$(sha256sum </proc/self/fd/5)
  actual=${actual%% *}
  if [ $failed != 0 ] || [ "${sha256:-$actual}" != "$actual" ]; then
    [ "$(df -Pk . | awk 'NR == 2 { print $4 }')" -gt 16 ] || fail 'no space left'
    [ $failed = 0 ] || fail "$(last_line "$errors")"
    fail "its content has the sha256 $actual, expected $sha256"
  fi
  # First the owner, because a new owner clears the setuid bit.
  [ -z "$owner" ] || errors=$(chown "$owner" /proc/self/fd/5 2>&1) || fail "$(last_line "$errors")"
  errors=$(chmod "$mode" /proc/self/fd/5 2>&1) || fail "$(last_line "$errors")"
  sync /proc/self/fd/5 2>/dev/null || :
  exec 5>&-
}
put_in_place() {
  key=$1
  enter "$2" || fail "cannot enter $parent"
  if ! errors=$(mv -fT "./$temp" "./$name" 2>&1); then
    # The mv of busybox does not replace a link to a directory.
    [ -h "./$name" ] || fail "$(last_line "$errors")"
    errors=$(rm -f "./$name" && mv -fT "./$temp" "./$name" 2>&1) || fail "$(last_line "$errors")"
  fi
  sync . 2>/dev/null || :
  printf 'placed %s\n' "$path"
}
drop() {
  key=$1
  if enter "$2"; then rm -f "./$temp"; fi
}

place() (
  umask 077
  LC_ALL=C PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export LC_ALL PATH
  trap 'each drop' EXIT
  trap 'exit 143' HUP INT TERM
  each stage
  each put_in_place
  trap - EXIT
  # The launch does not keep the contents of the files.
  errors=$({ own_script >"$0.new" && chmod 700 "$0.new" && mv -f "$0.new" "$0"; } 2>&1) || {
    printf 'cannot write the script: %s\n' "$(last_line "$errors")"
    exit 73
  }
)
