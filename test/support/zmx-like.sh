#!/bin/sh
# Imitates another version of zmx: the shim with that version's recorded behaviour. The test inserts VERSION and SHIM.
# Exits with 99 when Chandler makes a call that this version does not support.
version=@VERSION@ shim=@SHIM@
memory=$shim.memory/${ZMX_DIR:?}
# before_0_6, before_0_7, since_0_8: not empty in those versions. Computed once, without a process for each row of a list.
before_0_6='' before_0_7='' since_0_8=''
case $version in 0.[0-5].*) before_0_6=yes before_0_7=yes ;; 0.6.*) before_0_7=yes ;; 0.[89].*) since_0_8=yes ;; esac
now_ms() { date +%s%3N; }
# since FILE: milliseconds since FILE was written. A large number if it was never written.
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
      # The session's shell is $SHELL. Chandler's command line is for bash.
      [ "${SHELL##*/}" = bash ] || exit 99
      # A killed session keeps its name for half a second.
      if [ "$(since "killed-$name")" -lt 500 ]; then exit 1; fi
    fi
    if [ -n "$before_0_6" ]; then
      # The daemon keeps its caller's descriptors open until the session ends, so readers wait until then.
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
          # In a new session the end of a command shorter than that is never recorded.
          *'	ended='*) row=${row%%	ended=*} ;;
          # A session that prints a lot sometimes looks unreachable.
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
      # As if the session printed a lot just now.
      : >"$memory/refused-$name"
      printf 'session %s is unresponsive (Unexpected)\n' "$name"
    elif [ -n "$before_0_7" ] && [ -S "$ZMX_DIR/$name" ]; then
      # kill returns at once, but the session exists for another half second.
      now_ms >"$memory/killed-$name"
      (sleep 0.5; exec "$shim" "$@") </dev/null >/dev/null 2>&1 &
      echo "killed session $name"
    else
      exec "$shim" "$@"
    fi
    ;;
  *) exec "$shim" "$@" ;;
esac
