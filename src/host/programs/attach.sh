# attach STATE_DIR LAUNCH SESSION ZMX ZMX_DIR: attaches to the session of a launch if it exists, because `zmx attach` would create
# a new one. Exits with 44 if the session is gone. Passed to `sh -c` on one line through any login shell, and copied by people, so
# every statement ends in a semicolon, and there are no backslashes, exclamation marks and comments inside.
# shellcheck shell=sh
state=$1; launch=$2; session=$3; zmx=$4; dir=$5;
gone() { echo "chandler: $1" >&2; exit 44; };
call() { unset ZMX_SESSION ZMX_SESSION_PREFIX; ZMX_DIR=$dir; export ZMX_DIR; "$@"; };
made=;
{ read -r made _ <"$state/sessions/$session"; } 2>/dev/null;
if [ "$made" = "$launch" ]; then :; else gone "the session $session is of another run by now, or was never made"; fi;
left=10;
while :; do
  if [ -S "$dir/$session" ]; then :; else gone "the session $session no longer exists"; fi;
  seen=$({ call timeout 20 "$zmx" list </dev/null 2>/dev/null || echo failed; } | awk -v want="$session" '
    BEGIN { FS = sprintf("%c", 9) }
    $0 == "failed" { print $0 }
    index($1, "name=") && substr($1, index($1, "name=") + 5) == want { print substr($2, 1, 4) == "err=" ? $2 : "there" }');
  case $seen in
    there) break ;;
    "" | *ConnectionRefused*) gone "the session $session has ended" ;;
    failed*) echo "chandler: $zmx does not answer" >&2; exit 1 ;;
  esac;
  left=$((left - 1));
  if [ "$left" -le 0 ]; then break; fi;
  sleep 0.2;
done;
call exec "$zmx" attach "$session"
