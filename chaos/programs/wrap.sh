#!/bin/bash
# Replaces `sh` and `bash` on a host of a campaign: runs Chandler's own programs with bash and the hook, and reports each call
# of the host program to the ledger. Passes everything else on unchanged.
own=/bin/${0##*/}
case ${1-} in
  */bin/host-*)
    if exec 7<>/dev/tcp/127.0.0.1/@PORT@; then
      echo "call @HOST@ ${4-} ${5-}" >&7
      exec 7>&-
    fi
    export CHAOS_AIM=${4-} BASH_ENV=/etc/chaos/hook.sh
    exec /bin/bash "$@"
    ;;
  */bin/supervise-*)
    export CHAOS_AIM=supervise BASH_ENV=/etc/chaos/hook.sh
    exec /bin/bash "$@"
    ;;
esac
exec "$own" "$@"
