# upload TOKEN [PATH SIZE SHA256]...: writes SIZE bytes of standard input to each PATH, whole or not at all. The last file
# gets everything that is left. Reports `failed`: 69 if a tool is missing, 73 if the directory accepts no file, 74 if a write failed, 65 for a wrong size, 66 for a wrong sum; standard error has
# the reason. Passed to `sh -c` on one line, so every statement ends in a semicolon.
# shellcheck shell=sh
set +ex -u; umask 077; LC_ALL=C; export LC_ALL;
token=$0;
say() { printf "chandler:%s:%s:%s:%s\n" "$token" ${#1} "$1" "$token"; };
fail() { say "failed=$1"; say end; exit "$1"; };
say begun;
command -v sha256sum >/dev/null || { echo "sha256sum is not installed" >&2; fail 69; };
# A message to a lost connection raises PIPE; the temporary file must still be removed.
trap 'exit 74' HUP INT PIPE TERM;
while [ $# -gt 2 ]; do
  path=$1; size=$2; sum=$3; shift 3;
  if [ -d "$path" ]; then echo "$path: Is a directory" >&2; fail 73; fi;
  case $path in */*) tmp=${path%/*}/ ;; *) tmp=./ ;; esac;
  tmp=$tmp.upload.$$.$#;
  true >"$tmp" || fail 73;
  trap 'rm -f "$tmp"' EXIT;
  if [ $# -eq 0 ]; then cat >"$tmp"; else dd bs="$size" count=1 iflag=fullblock of="$tmp" 2>/dev/null; fi || fail 74;
  # A broken connection looks like the end of the file; only the sum reveals it.
  got=$(sha256sum <"$tmp") || fail 74;
  [ "${got%% *}" = "$sum" ] || {
    bytes=$(($(wc -c <"$tmp")));
    [ "$bytes" -eq "$size" ] || { echo "$bytes of $size bytes arrived" >&2; fail 65; };
    echo "sha256 is ${got%% *}, not $sum" >&2; fail 66;
  };
  sync "$tmp" 2>/dev/null || :;
  mv -f "$tmp" "$path" || fail 74;
  trap - EXIT;
done;
say end
