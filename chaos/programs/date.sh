#!/bin/sh
# Replaces `date` on a host of a campaign, so that a fault can set the host's clock but not the machine's.
offset=0
if [ -s /run/chaos/clock ]; then read -r offset </run/chaos/clock; fi
exec /bin/date -d "$offset seconds" "$@"
