# Comes with the secrets of a launch: what supervise.sh keeps of its output goes through here. The supervisor has `again`;
# secret_mask is mask.awk and what it looks for.
# shellcheck shell=sh disable=SC2154
# mask: standard input with every secret masked. The program comes through a pipe, because arguments can be seen by
# everybody. mawk waits for more input without the option, which others ignore.
mask() {
  exec 5<&0
  printf '%s\n' "$secret_mask" | LC_ALL=C awk -W interactive -f /dev/stdin /dev/fd/5
}
# chunks: standard input as it comes, each piece marked for `mask`. Small ones are collected for a moment.
chunks() {
  while copied=$({ dd bs=32k count=1 2>&5 | tr -d '\000' >&6; } 5>&1); case $copied in 0+0*) false ;; esac; do
    printf '\n\036chunk\n' || break
    case $copied in 0+1*) sleep 0.02 ;; esac
  done 6>&1
}
# masked: standard input with every secret masked, as it comes. What cannot be masked is dropped.
masked() {
  chunks | { again mask || { echo tee:/log >&2; cat >/dev/null; }; }
}
