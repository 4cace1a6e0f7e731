"""Provisions a host by a plan. Retries a step that needs attention, once, and prints how the run ended.

    python3 -m pip install temporalio
    python3 provision.py ADDRESS TASK_QUEUE PLAN.json [STEP_TO_RETRY]
"""

import asyncio
import json
import os
import sys

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError


async def main(address: str, task_queue: str, file: str, step_to_retry: str | None = None) -> int:
    with open(file, encoding="utf-8") as text:
        plan = json.load(text)
    host, port = plan["target"]["host"], plan["target"].get("port", 22)
    client = await Client.connect(address)
    run = await client.start_workflow(
        "provision",
        plan,
        # A host has one run at a time, because its run has this id.
        id=f"provision:{host}:{port}",
        task_queue=task_queue,
        static_summary=f"provision {host}:{port}: {plan.get('name', '')}",
        static_details="Started by `provision.py`.",
    )
    print(f"started {run.id}")
    while (await run.describe()).status == WorkflowExecutionStatus.RUNNING:
        status = await run.query("status")
        parked = next((step for step in status["steps"] if step["state"] == "parked"), None)
        if parked:
            retry = {"step": step_to_retry or parked["name"], "reason": "tried by provision.py"}
            try:
                await run.execute_update("retryStep", retry)
                print(f"retried {retry['step']}")
            except WorkflowUpdateFailedError as refused:
                print(f"refused: {refused.cause.message}")
                await run.signal("abort", {"reason": "the retry was refused"})
                break
        await asyncio.sleep(0.5)
    try:
        print((await run.result())["outcome"])
        return 0
    except WorkflowFailureError as error:
        failure = error.cause
        if not isinstance(failure, ApplicationError):
            raise
        details = failure.details[0]
        print(f"failed: {failure.type}: {details['message']}\n{details['advice']}")
        return 1


if __name__ == "__main__":
    code = asyncio.run(main(*sys.argv[1:]))
    # Threads of the SDK may still run, and can abort an interpreter that is shutting down.
    sys.stdout.flush()
    os._exit(code)
