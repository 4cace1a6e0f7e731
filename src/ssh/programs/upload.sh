#!/bin/sh
# upload PATH MODE SIZE SHA256: standard input becomes PATH, whole or not at all.
# Exits: 0 installed, 69 a tool is missing, 73 the directory takes no file, 74 a write failed, 65 wrong size, 66 wrong sum.
set -u
umask 077
LC_ALL=C
export LC_ALL
path=$1 mode=$2 size=$3 sum=$4
command -v sha256sum >/dev/null || { echo "sha256sum is not installed" >&2; exit 69; }
if [ -d "$path" ]; then echo "$path: Is a directory" >&2; exit 73; fi
case $path in
*/*) dir=${path%/*}/ ;;
*) dir=./ ;;
esac
tmp=$(mktemp "$dir.upload.XXXXXX") || exit 73
trap 'rm -f "$tmp"' EXIT
# A message to a connection that is gone raises PIPE: the file has to go all the same.
trap 'exit 74' HUP INT PIPE TERM
cat >"$tmp" || exit 74
# A connection that broke looks like the end of the file: only size and sum tell.
got=$(($(wc -c <"$tmp")))
[ "$got" -eq "$size" ] || { echo "$got of $size bytes arrived" >&2; exit 65; }
got=$(sha256sum <"$tmp") || exit 74
[ "${got%% *}" = "$sum" ] || { echo "sha256 is ${got%% *}, not $sum" >&2; exit 66; }
chmod "$mode" "$tmp" || exit 74
{ sync "$tmp" 2>/dev/null || :; } && mv -f "$tmp" "$path" || exit 74
