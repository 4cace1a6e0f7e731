# Added to install-zmx.sh to install a zmx that is a shell program: the function `pushed` prints it.
# shellcheck shell=sh disable=SC2154

# place SHA256 CANDIDATE: like `find`, but installs the program if there is none.
place() {
  find_zmx binary "$1" "$2"
  stage
  errors=$({ pushed >"$new/pushed"; } 2>&1) || explain_store "$errors"
  verify "$new/pushed" "$1"
  settle "$new/pushed"
}
