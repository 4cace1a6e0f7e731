# Installs zmx: joined to common.sh and sent over standard input to `sh -s -- STATE_DIR SUBCOMMAND ARGUMENT...`.
# Each zmx lies in a directory named by its content, so that none is ever replaced under its live sessions.
: "${state_dir:?}" "${subcommand:?}"
store=$state_dir/zmx
zmx_dir=$1
link_dir=$2
key=$3
oldest=$4
shift 4

# blame CODE TEXT [PREFIX]: refuses with CODE, unless the system's own text tells of the disk.
blame() {
  case $2 in
    *'No space left'* | *'Disk quota'*) refuse disk-full "no space left for $store" ;;
    *'Read-only file system'* | *'Permission denied'* | *'Operation not permitted'* | *'Not a directory'*)
      refuse state-directory-unwritable "cannot write to $store: $(first_line "$2")"
      ;;
  esac
  refuse "$1" "${3:-}$(first_line "$2")"
}
first_line() { printf '%s\n' "$1" | grep . | head -n 1 | cut -c 1-300; }
hash_of() { sha256sum <"$1" | cut -d ' ' -f 1; }
# bounded SECONDS COMMAND...: older busybox have no such `timeout`.
bounded() { if timeout 1 true 2>/dev/null; then timeout "$@"; else shift; "$@"; fi; }

# ask ZMX: $said is what `zmx version` says; fails if that is no answer of a zmx.
ask() {
  said=$(bounded 10 env -u ZMX_SESSION ZMX_DIR="$zmx_dir" "$1" version 2>&1 </dev/null) || return 1
  version=$(printf '%s\n' "$said" | sed -n 's/^zmx[[:blank:]]\{1,\}v\{0,1\}\([0-9]\{1,6\}\.[0-9]\{1,6\}\.[0-9]\{1,6\}\).*/\1/p' | head -n 1)
  [ -n "$version" ] || return 1
  echo "$version.$oldest" | awk -F . '{ for (i = 1; i < 4; i++) if ($i != $(i + 3)) exit ($i < $(i + 3)) }' ||
    refuse zmx-unavailable "that zmx is $version, and has to be $oldest or newer"
}
answer() {
  say "zmx=$(printf '%s' "$1" | encode) was_there=$2 version=$(printf '%s' "$said" | encode)"
  exit 0
}

# open_store: makes room for a new zmx; nothing half made of an earlier crash stays.
open_store() {
  errors=$(mkdir -p "$store" 2>&1) || blame state-directory-unwritable "$errors"
  find "$store" -maxdepth 1 \( -name '.new.*' -o -name '.pushed.*' \) -mtime +0 -exec rm -rf {} + 2>/dev/null
}
stage() {
  new=$(mktemp -d "$store/.new.XXXXXX" 2>&1) || blame state-directory-unwritable "$new"
  trap 'rm -rf "$new"' EXIT
  trap 'exit 129' HUP INT TERM PIPE
}

# fetch URL FILE: standard output is the error text.
fetch() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --connect-timeout 10 --max-time 300 -o "$2" "$1" 2>&1
  elif command -v wget >/dev/null 2>&1; then
    url=$1 file=$2
    set --
    # Without a time-out of its own (busybox) wget has only the outer bound.
    case $(wget --help 2>&1) in *--tries*) set -- -T 10 -t 1 ;; esac
    bounded 300 wget "$@" -O "$file" "$url" 2>&1
  else
    echo 'the host has neither curl nor wget'
    return 1
  fi
}

# verify FILE SHA256: what is not as expected is neither unpacked nor run.
verify() {
  actual=$(hash_of "$1")
  [ "$actual" = "$2" ] && return
  say "mismatch=$actual"
  exit 0
}

# unpack FILE: $binary is the zmx in the archive.
unpack() {
  errors=$(mkdir "$new/out" && tar -xzof "$1" -C "$new/out" 2>&1) || blame zmx-unavailable "$errors" 'cannot unpack the archive: '
  binary=$(find "$new/out" -type f -name zmx | head -n 1)
  [ -n "$binary" ] || refuse zmx-unavailable 'the archive holds no file named zmx'
}

# settle BINARY: it must answer before it gets its place.
settle() {
  chmod 755 "$1"
  [ -x "$1" ] || refuse zmx-unavailable "programs cannot be run from $store (mounted noexec)"
  ask "$1" || refuse zmx-unavailable "\`zmx version\` does not answer: $(last_line "$said")"
  { sync "$1" || :; } 2>/dev/null
  errors=$(mkdir -p "$store/$key" && mv -f "$1" "$store/$key/zmx" 2>&1) || {
    rmdir "$store/$key" 2>/dev/null
    blame state-directory-unwritable "$errors"
  }
  link "$store/$key/zmx"
  answer "$store/$key/zmx" no
}

# link ZMX: so that people on the host can type `zmx`; nothing fails if it can't be.
link() {
  if [ -z "$link_dir" ]; then
    if [ "$(id -u)" = 0 ]; then link_dir=/usr/local/bin; else link_dir=${HOME:-}/.local/bin; fi
  fi
  # A link of ours whose target is gone.
  if [ -h "$link_dir/zmx" ] && [ ! -e "$link_dir/zmx" ]; then
    case $(readlink "$link_dir/zmx") in "$store"/*) rm -f "$link_dir/zmx" ;; esac
  fi
  if command -v zmx >/dev/null 2>&1 || [ -e "$link_dir/zmx" ]; then return; fi
  { mkdir -p "$link_dir" && ln -s "$1" "$link_dir/zmx"; } 2>/dev/null || :
}

# find KIND SHA256 CANDIDATE: the zmx under KEY, or a CANDIDATE of the same content; `zmx=` if there is none. Of an
# archive only KEY tells the content.
find_zmx() {
  open_store
  for zmx in "$store/$key/zmx" "$3"; do
    case $1:$zmx in
      archive:"$store/$key/zmx") [ -f "$zmx" ] || continue ;;
      archive:*) continue ;;
      *) { [ -f "$zmx" ] && [ "$(hash_of "$zmx")" = "$2" ]; } || continue ;;
    esac
    if ask "$zmx"; then answer "$zmx" yes; fi
  done
  say zmx=
}

# pull URL SHA256: `pulled=no` if the host can't get the archive.
pull() {
  open_store
  if [ -f "$store/$key/zmx" ] && ask "$store/$key/zmx"; then answer "$store/$key/zmx" yes; fi
  command -v tar >/dev/null 2>&1 || refuse host-unsupported 'the host has no tar to unpack zmx with'
  stage
  if ! errors=$(fetch "$1" "$new/archive"); then
    [ "$(df -Pk "$new" | awk 'NR == 2 { print $4 }')" -gt 64 ] || refuse disk-full "no space left for $store"
    say "pulled=no text=$(printf '%s' "$(last_line "$errors")" | encode)"
    return
  fi
  verify "$new/archive" "$2"
  unpack "$new/archive"
  settle "$binary"
}

# take KIND FILE SHA256: FILE was pushed here; KIND tells whether it is an archive or the binary.
take() {
  stage
  mv -f "$2" "$new/pushed" 2>/dev/null || refuse connection-lost "$2 never arrived"
  verify "$new/pushed" "$3"
  binary=$new/pushed
  [ "$1" = binary ] || unpack "$new/pushed"
  settle "$binary"
}

case $subcommand in
  find) find_zmx "$@" ;;
  pull) pull "$@" ;;
  take) take "$@" ;;
  *) refuse invalid-input "no such subcommand: $subcommand" ;;
esac
