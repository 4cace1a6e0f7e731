# Sent with the secrets of a launch: supervise.sh filters the output that it keeps through these functions. `again` is a function
# of the supervisor; secret_mask is mask.awk with the secrets in it.
# shellcheck shell=sh disable=SC2154
# mask: copies standard input with every secret masked. The awk program comes through a pipe, because every user can read
# arguments. mawk buffers its input without this option, which other awks ignore.
mask() {
  exec 5<&0
  printf '%s\n' "$secret_mask" | LC_ALL=C awk -W interactive -f /dev/stdin /dev/fd/5
}
# chunks: copies standard input as it arrives, each piece marked for `mask`. Small pieces are collected for a moment. The dynamic
# linker may print warnings (a missing file in /etc/ld.so.preload) before the message of dd.
chunks() {
  while copied=$({ dd bs=32k count=1 2>&5 | tr -d '\000' >&6; } 5>&1); case $copied in *'0+0 records in'*) false ;; esac; do
    printf '\n\036chunk\n' || break
    case $copied in *'0+1 records in'*) sleep 0.02 ;; esac
  done 6>&1
}
# masked: copies standard input as it arrives, with every secret masked. Text that cannot be masked is dropped.
masked() {
  chunks | { again mask || { echo tee:/log >&2; cat >/dev/null; }; }
}
