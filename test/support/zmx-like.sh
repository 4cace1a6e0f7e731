#!/bin/sh
# zmx-like: the shim, with what the contract tells of another version of zmx. VERSION and SHIM are put in by the test.
# It exits 99 where Chandler calls it in a way that this version would not survive.
version=@VERSION@ shim=@SHIM@
memory=$shim.memory/${ZMX_DIR:?}
# before_0_6, before_0_7, since_0_8: not empty in those versions. Told without a process: rows of a list ask for it, too.
before_0_6='' before_0_7='' since_0_8=''
case $version in 0.[0-5].*) before_0_6=yes before_0_7=yes ;; 0.6.*) before_0_7=yes ;; 0.[89].*) since_0_8=yes ;; esac
now_ms() { date +%s%3N; }
# since FILE: milliseconds since it was written; a lot if it never was.
since() { echo $(($(now_ms) - $(cat "$memory/$1" 2>/dev/null || echo 0))); }
mkdir -p "$memory"
command=${1-} name=${2-}

if [ -n "$before_0_7" ] && [ ! -d "${ZMX_DIR%/*}" ]; then
  echo 'error: FileNotFound' >&2
  exit 1
fi
case $command in
  version | --version | -v)
    case $version in
      *-dev) printf 'warning: a development build\n' ;;
    esac
    printf 'zmx\t\t%s\nghostty_vt\tghostty-1.3.2-dev\nsocket_dir\t%s\nlog_dir\t\t%s/logs\n' "$version" "$ZMX_DIR" "$ZMX_DIR"
    ;;
  run)
    shift 2
    if [ -n "$before_0_7" ]; then
      # The session's shell is $SHELL; a supervisor typed into another one than bash is not what Chandler means.
      [ "${SHELL##*/}" = bash ] || exit 99
      # A name that was killed half a second ago is not free yet.
      if [ "$(since "killed-$name")" -lt 500 ]; then exit 1; fi
    fi
    if [ -n "$before_0_6" ]; then
      # The daemon keeps what it was called with: who reads from there waits until the session ends.
      (until [ -S "$ZMX_DIR/$name" ]; do sleep 0.05; done; while [ -S "$ZMX_DIR/$name" ]; do sleep 0.5; done) &
    fi
    [ "${1-}" = -d ] || exit 99
    shift
    now_ms >"$memory/run-$name"
    rm -f "$memory/took-$name"
    # shellcheck disable=SC2016 # expanded in the session
    exec "$shim" run "$name" -d sh -c '"$@"; code=$?
      echo $(($(date +%s%3N) - $(cat "$0/run-$ZMX_SESSION"))) >"$0/took-$ZMX_SESSION"; exit $code' "$memory" "$@"
    ;;
  list)
    "$shim" "$@" | while IFS= read -r row; do
      session=${row#*name=}
      session=${session%%	*}
      if [ -n "$before_0_7" ] && [ "$(cat "$memory/took-$session" 2>/dev/null || echo 0)" -lt 500 ]; then
        case $row in
          # The end of what took less in a new session is missed for good.
          *'	ended='*) row=${row%%	ended=*} ;;
          # What prints hard looks as if it were dying, now and then.
          '  name='*) if [ $(($(date +%-N) / 1000 % 2)) -eq 0 ]; then row="  name=$session	err=Unexpected	status=unreachable"; fi ;;
        esac
      fi
      [ -z "$since_0_8" ] || row=$(printf '%s\n' "$row" | sed 's/	start_dir=/	cwd=/')
      printf '%s\n' "$row"
    done
    ;;
  kill)
    if [ -e "$memory/deaf" ]; then
      echo "session $name is unresponsive (Timeout)"
    elif [ -n "$since_0_8" ] && [ ! -S "$ZMX_DIR/$name" ]; then
      echo "error: session \"$name\" does not exist" >&2
      exit 1
    elif [ -n "$before_0_6" ] && [ -S "$ZMX_DIR/$name" ] && [ ! -e "$memory/refused-$name" ]; then
      # As if it printed hard just now.
      : >"$memory/refused-$name"
      printf 'session %s is unresponsive (Unexpected)\n' "$name"
    elif [ -n "$before_0_7" ] && [ -S "$ZMX_DIR/$name" ]; then
      # Answers at once; the session is there for half a second more.
      now_ms >"$memory/killed-$name"
      (sleep 0.5; exec "$shim" "$@") </dev/null >/dev/null 2>&1 &
      echo "killed session $name"
    else
      exec "$shim" "$@"
    fi
    ;;
  *) exec "$shim" "$@" ;;
esac
