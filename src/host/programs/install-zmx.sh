# Installs zmx: appended to common.sh and sent over standard input to `sh -s -- TOKEN STATE_DIR SUBCOMMAND ARGUMENT...`.
# Each zmx has a directory named by its content, so that no zmx is replaced under its live sessions.
: "${state_dir:?}" "${subcommand:?}"
store=$state_dir/zmx
zmx_dir=$1
link_dir=$2
key=$3
oldest=$4
shift 4

# explain_store TEXT: refuses with the failure code for an error while writing the directory.
explain_store() { explain "$1" state-directory-unwritable "cannot write to $store: "; }
# ask ZMX: sets printed to the output of `zmx version`; false if the program is not zmx.
ask() {
  printed=$(
    unset ZMX_SESSION LC_ALL
    [ -z "$login_locale" ] || export LC_ALL="$login_locale"
    export ZMX_DIR="$zmx_dir"
    timeout 10 "$1" version 2>&1 </dev/null
  ) || return 1
  set -f
  # shellcheck disable=SC2086 # words
  set -- $printed
  while [ $# -gt 1 ] && [ "$1" != zmx ]; do shift; done
  version=${2-}
  version=${version#v}
  version=${version%%[!0-9.]*}
  IFS=.
  # shellcheck disable=SC2086 # numbers
  set -- $version $oldest
  unset IFS
  set +f
  [ $# -eq 6 ] || return
  [ "$1" -gt "$4" ] || { [ "$1" -eq "$4" ] && { [ "$2" -gt "$5" ] || { [ "$2" -eq "$5" ] && [ "$3" -ge "$6" ]; }; }; } ||
    refuse zmx-unavailable "that zmx is $version; it must be $oldest or newer"
}
answer() {
  say "zmx=$(printf '%s' "$1" | encode) was_there=$2 version=$(printf '%s' "$printed" | encode)"
  say end
  exit
}

# open_store: makes the directory and removes what an earlier crash left.
open_store() {
  if [ ! -d "$store" ]; then
    errors=$(mkdir -p "$store" 2>&1) || explain_store "$errors"
    return
  fi
  find "$store" -maxdepth 1 \( -name '.new.*' -o -name '.pushed.*' \) -mtime +0 -exec rm -rf {} + 2>/dev/null
}
stage() {
  new=$(mktemp -d "$store/.new.XXXXXX" 2>&1) || explain_store "$new"
  # Warnings of the dynamic linker come before the path.
  new=$store/${new##*/}
  trap 'rm -rf "$new"' EXIT
  trap 'exit 129' HUP INT TERM PIPE
}

# fetch URL FILE: prints error messages to standard output.
fetch() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --connect-timeout 10 --max-time 300 -Y 1 -y 15 -o "$2" "$1" 2>&1
  elif command -v wget >/dev/null 2>&1; then
    url=$1 file=$2
    set --
    # busybox wget has no timeout of its own, only the outer bound.
    case $(wget --help 2>&1) in *--tries*) set -- -T 10 -t 1 ;; esac
    timeout 300 wget "$@" -O "$file" "$url" 2>&1
  else
    echo 'the host has neither curl nor wget'
    return 1
  fi
}

# verify FILE SHA256: ends the program with `mismatch` before anything is unpacked or run.
verify() {
  actual=$(hash_of "$1")
  [ "$actual" = "$2" ] && return
  say "mismatch=$actual"
  say end
  exit
}

# unpack FILE: sets binary to the zmx in the archive.
unpack() {
  errors=$(mkdir "$new/out" && tar -xzof "$1" -C "$new/out" 2>&1) || explain "$errors" zmx-unavailable 'cannot unpack the archive: '
  binary=$(find "$new/out" -type f -name zmx | head -n 1)
  [ -n "$binary" ] || refuse zmx-unavailable 'the archive holds no file named zmx'
}

# settle BINARY: moves it to its place once it answers.
settle() {
  chmod 755 "$1"
  [ -x "$1" ] || refuse zmx-unavailable "programs cannot be run from $store (mounted noexec)"
  ask "$1" || refuse zmx-unavailable "\`zmx version\` does not answer: $(last_line "$printed")"
  { sync "$1" || :; } 2>/dev/null
  errors=$(mkdir -p "$store/$key" && mv -f "$1" "$store/$key/zmx" 2>&1) || {
    rmdir "$store/$key" 2>/dev/null
    explain_store "$errors"
  }
  link "$store/$key/zmx"
  answer "$store/$key/zmx" no
}

# link ZMX: lets people on the host type `zmx`, if that is possible.
link() {
  if [ -z "$link_dir" ]; then
    if [ "$(id -u)" = 0 ]; then link_dir=/usr/local/bin; else link_dir=${HOME:-}/.local/bin; fi
  fi
  # This is Chandler's own link, and its target is gone.
  if [ -h "$link_dir/zmx" ] && [ ! -e "$link_dir/zmx" ]; then
    case $(readlink "$link_dir/zmx") in "$store"/*) rm -f "$link_dir/zmx" ;; esac
  fi
  if command -v zmx >/dev/null 2>&1 || [ -e "$link_dir/zmx" ]; then return; fi
  { mkdir -p "$link_dir" && ln -s "$1" "$link_dir/zmx"; } 2>/dev/null || :
}

# find KIND SHA256 CANDIDATE: reports the zmx under KEY, or a CANDIDATE with the same content; `zmx=` if there is none. The
# content of an archive can be recognised by KEY only.
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

# pull URL SHA256: downloads and installs the archive; reports `pulled=no` if the host cannot fetch it.
pull() {
  open_store
  if [ -f "$store/$key/zmx" ] && ask "$store/$key/zmx"; then answer "$store/$key/zmx" yes; fi
  command -v tar >/dev/null 2>&1 || refuse host-unsupported 'the host has no tar to unpack zmx with'
  stage
  if ! errors=$(fetch "$1" "$new/archive"); then
    [ "$(df -Pk "$new" | awk 'NR == 2 { print $4 }')" -gt 64 ] || refuse_full
    say "pulled=no text=$(printf '%s' "$(last_line "$errors")" | encode)"
    return
  fi
  verify "$new/archive" "$2"
  unpack "$new/archive"
  settle "$binary"
}

# take KIND FILE SHA256: installs FILE, which the worker has pushed; KIND is archive or binary.
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
  pull | place | take) "$subcommand" "$@" ;;
  *) refuse invalid-input "no such subcommand: $subcommand" ;;
esac
say end
