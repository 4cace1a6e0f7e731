# Added to install-zmx.sh to install a zmx that is a shell program: the function `pushed` prints it.
# shellcheck shell=sh disable=SC2154

# place SHA256 CANDIDATE: like `find`, but installs the program if there is none.
place() {
  find_zmx binary "$1" "$2"
  binary=$store/.pushed.$token
  trap '[ ! -e "$binary" ] || rm -f "$binary"' EXIT
  trap 'exit 129' HUP INT TERM PIPE
  errors=$({ pushed >"$binary"; } 2>&1) || explain_store "$errors"
  verify "$binary" "$1"
  settle "$binary"
}
