// Provisions a host by a plan. Retries a step that needs attention, once, and prints how the run ended.
// Usage: go build -o provision . && ./provision ADDRESS TASK_QUEUE PLAN.json [STEP_TO_RETRY]
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"log"
	"os"
	"time"
)

func main() {
	ctx := context.Background()
	var plan map[string]any
	must(0, json.Unmarshal(must(os.ReadFile(os.Args[3])), &plan))
	target := plan["target"].(map[string]any)
	host := fmt.Sprintf("%v:%v", target["host"], cmp.Or(target["port"], any(22)))
	c := must(client.Dial(client.Options{HostPort: os.Args[1]}))
	run := must(c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "provision:" + host, TaskQueue: os.Args[2], // A host has one run at a time.
		StaticSummary: "provision " + host, StaticDetails: "Started by main.go.", WorkflowExecutionErrorWhenAlreadyStarted: true}, "provision", plan))
	fmt.Println("started", run.GetID())
	for refusal := error(nil); refusal == nil && must(c.DescribeWorkflowExecution(ctx, run.GetID(), run.GetRunID())).WorkflowExecutionInfo.CloseTime == nil; time.Sleep(500 * time.Millisecond) {
		var status struct{ Steps []map[string]any }
		must(0, must(c.QueryWorkflow(ctx, run.GetID(), run.GetRunID(), "status")).Get(&status))
		for _, step := range status.Steps {
			if step["state"] == "parked" {
				name := append(os.Args[4:], step["name"].(string))[0]
				update := must(c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{WorkflowID: run.GetID(), UpdateName: "retryStep",
					Args: []any{map[string]string{"step": name}}, WaitForStage: client.WorkflowUpdateStageCompleted}))
				if refusal = update.Get(ctx, nil); refusal == nil {
					fmt.Println("retried", name)
				} else {
					fmt.Println("refused:", refusal)
					must(0, c.SignalWorkflow(ctx, run.GetID(), "", "abort", map[string]string{"reason": "the retry was refused"}))
				}
			}
		}
	}
	var result struct{ Outcome string }
	err := run.Get(ctx, &result)
	if failure := new(temporal.ApplicationError); errors.As(err, &failure) {
		var details struct{ Message, Advice string }
		must(0, failure.Details(&details))
		log.Fatalf("failed: %s: %s\n%s", failure.Type(), details.Message, details.Advice)
	}
	fmt.Println(must(result.Outcome, err))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
