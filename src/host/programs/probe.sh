# The first thing a host is asked: joined to facts.sh and sent over standard input to `sh -s -- STATE_DIR PROGRAM...`.
# An empty STATE_DIR stands for the default. Facts are lines of key=value, marked `chandler:`.
set -u
umask 077
LC_ALL=C
export LC_ALL
say() { printf 'chandler: %s\n' "$*"; }
encode() { base64 | tr -d '\n'; }

find_places "$1"
shift
say_facts
# The error text tells a full disk from a read-only one, but a shell's own printf has only one for both.
if errors=$({ mkdir -p "$state_dir/bin" "$state_dir/launches" "$zmx_dir" && head -c 4096 /dev/zero >"$state_dir/.probe" && rm -f "$state_dir/.probe"; } 2>&1); then
  chmod 700 "$state_dir"
  say writable=yes
else
  rm -f "$state_dir/.probe" 2>/dev/null
  say "writable=no text=$(printf '%s' "$errors" | tail -n 1 | encode)"
fi
for program; do
  if [ -s "$state_dir/bin/$program" ]; then say "program=$program present=yes"; else say "program=$program present=no"; fi
done
say_zmx "$zmx_dir"
