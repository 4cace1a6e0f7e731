# Reads the facts of a host and makes its directories: appended to common.sh and facts.sh and sent over standard input to
# `sh -s -- TOKEN STATE_DIR probe NEEDED USEFUL PROGRAM...`. An empty STATE_DIR stands for the default. NEEDED and USEFUL name tools.
: "${state_dir?}" "${subcommand:?}" "${login_umask:?}"
say begun
say_tools "$1 $2"
for tool in $1; do
  case $tools, in *",$tool,"*) ;; *)
    say end
    exit
    ;;
  esac
done
shift 2
find_places "$state_dir"
say_facts
# Written with head, because a shell's own printf reports the same error for a full and a read-only disk.
there=no
[ ! -d "$state_dir" ] || there=yes
if errors=$({ mkdir -p "$state_dir/bin" "$state_dir/launches" "$state_dir/sessions" "$zmx_dir" && head -c 4096 /dev/zero >"$state_dir/.probe" && rm -f "$state_dir/.probe"; } 2>&1); then
  [ $there = no ] || chmod 700 "$state_dir"
  say writable=yes
else
  rm -f "$state_dir/.probe" 2>/dev/null
  say "writable=no text=$(printf '%s' "$errors" | tail -n 1 | encode)"
fi
for program; do
  if [ -s "$state_dir/bin/$program" ]; then say "program=$program present=yes"; else say "program=$program present=no"; fi
done
say_zmx "$zmx_dir"
say end
