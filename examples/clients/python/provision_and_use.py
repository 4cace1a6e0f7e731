"""A workflow that provisions a host as a child workflow and then goes on with its own work.

    python3 -m pip install temporalio
    python3 provision_and_use.py ADDRESS TASK_QUEUE PLAN.json
"""

import asyncio
import json
import os
import sys
import uuid

from temporalio import workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ChildWorkflowError
from temporalio.worker import Worker


@workflow.defn
class ProvisionAndUse:
    @workflow.run
    async def run(self, plan: dict, task_queue: str) -> str:
        target = plan["target"]
        try:
            result = await workflow.execute_child_workflow(
                "provision",
                plan,
                id=f"provision:{target['host']}:{target.get('port', 22)}",
                task_queue=task_queue,
                # An ended parent must not leave steps running on the host.
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            )
        except ChildWorkflowError as error:
            if not isinstance(error.cause, ApplicationError):
                raise
            return f"not usable: {error.cause.type}"
        return f"{target['host']} is {result['outcome']} and can be used"


async def main(address: str, task_queue: str, file: str) -> None:
    with open(file, encoding="utf-8") as text:
        plan = json.load(text)
    client = await Client.connect(address)
    own_queue = f"use-{uuid.uuid4()}"
    async with Worker(client, task_queue=own_queue, workflows=[ProvisionAndUse]):
        use = await client.execute_workflow(
            ProvisionAndUse.run, args=[plan, task_queue], id=own_queue, task_queue=own_queue
        )
        print(use)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
    # Threads of the SDK may still run, and can abort an interpreter that is shutting down.
    sys.stdout.flush()
    os._exit(0)
