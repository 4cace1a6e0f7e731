#!/bin/sh
# Stands in for docker: logs its arguments to $STUB/log and answers as a Docker engine would.
echo "docker $*" >>"$STUB/log"
case "$1 $2" in
  'info '*) echo 27.0.1 ;;
  'image inspect') test -e "$STUB/image" ;;
  'build '*) cat >"$STUB/image" ;;
  'create '*) touch "$STUB/container" && echo c0ffee ;;
  'cp '*) ls "$(dirname "$2")" >"$STUB/copied" ;;
  'port '*) echo "127.0.0.1:$STUB_PORT" ;;
  'inspect '*) if [ -e "$STUB/container" ]; then echo true; else exit 1; fi ;;
  'ps '*) if [ -e "$STUB/container" ]; then echo c0ffee; fi ;;
  'rm '*) rm "$STUB/container" ;;
esac
