#!/usr/bin/env bash
# Provisions a host by a plan, with curl and jq alone. Retries a step that needs attention, once, and prints how the run ended.
#   provision.sh URL TASK_QUEUE PLAN.json [STEP_TO_RETRY]
# URL is that of the server's HTTP API, such as http://127.0.0.1:7243. TEMPORAL_HTTP_HOST is its name, if it only answers to one.
set -euo pipefail
url=$1/api/v1/namespaces/${TEMPORAL_NAMESPACE:-default}/workflows task_queue=$2 plan=$3 step_to_retry=${4-}

# api METHOD PATH [BODY]
api() {
  curl -sS --fail-with-body -X "$1" "$url/$2" ${TEMPORAL_HTTP_HOST:+-H "Host: $TEMPORAL_HTTP_HOST"} \
    -H 'Content-Type: application/json' ${3+--data-binary "$3"}
}

host=$(jq -r '"\(.target.host):\(.target.port // 22)"' "$plan")
# A host has one run at a time, because its run has this id.
id=provision:$host
api POST "$id" "$(jq --arg queue "$task_queue" --arg host "$host" '{
  workflowType: {name: "provision"}, taskQueue: {name: $queue}, input: [.],
  userMetadata: {summary: "provision \($host): \(.name // "")", details: "Started by `provision.sh`."}
}' "$plan")" >/dev/null
echo "started $id"

while [ "$(api GET "$id" | jq -r .workflowExecutionInfo.status)" = WORKFLOW_EXECUTION_STATUS_RUNNING ]; do
  status=$(api POST "$id/query/status" '{}')
  parked=$(jq -r '[.queryResult[0].steps[] | select(.state == "parked").name][0] // empty' <<<"$status")
  if [ -n "$parked" ]; then
    step=${step_to_retry:-$parked}
    answer=$(api POST "$id/update/retryStep" "$(jq -n --arg step "$step" '{
      waitPolicy: {lifecycleStage: "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED"},
      request: {meta: {updateId: "retry-\(now)"}, input: {args: [{step: $step, reason: "tried by provision.sh"}]}}
    }')")
    refusal=$(jq -r '.outcome.failure.message // empty' <<<"$answer")
    if [ -z "$refusal" ]; then
      echo "retried $step"
    else
      echo "refused: $refusal"
      api POST "$id/signal/abort" '{"input": [{"reason": "the retry was refused"}]}' >/dev/null
      break
    fi
  fi
  sleep 0.5
done

# Waits for the end.
end=$(api GET "$id/history?waitNewEvent=true&historyEventFilterType=HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT" | jq '.history.events[-1]')
if ! jq -er '.workflowExecutionCompletedEventAttributes.result[0].outcome // empty' <<<"$end"; then
  jq -r '.workflowExecutionFailedEventAttributes.failure | .applicationFailureInfo as $info | $info.details[0] as $details |
    "failed: \($info.type): \($details.message)\n\($details.advice)"' <<<"$end"
  exit 1
fi
