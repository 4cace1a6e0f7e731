// Provisions a host by a plan. Retries a step that needs attention, once, and prints how the run ended.
//   mvn -q dependency:build-classpath -Dmdep.outputFile=classpath
//   javac -cp "$(cat classpath)" -d classes Provision.java
//   java -cp "classes:$(cat classpath)" Provision ADDRESS TASK_QUEUE PLAN.json [STEP_TO_RETRY]
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.temporal.api.enums.v1.WorkflowExecutionStatus;
import io.temporal.client.*;
import io.temporal.failure.ApplicationFailure;
import io.temporal.serviceclient.*;
import java.io.File;
import java.time.Duration;
import java.util.Map;

class Provision {
  public static void main(String[] args) throws Exception {
    JsonNode plan = new ObjectMapper().readTree(new File(args[2]));
    String host = plan.at("/target/host").asText() + ":" + plan.at("/target/port").asInt(22);
    Duration patience = Duration.ofSeconds(30); // For a server that is busy or starting.
    var service = WorkflowServiceStubs.newConnectedServiceStubs(
        WorkflowServiceStubsOptions.newBuilder().setTarget(args[0]).setSystemInfoTimeout(patience).build(), patience);
    WorkflowStub run = WorkflowClient.newInstance(service).newUntypedWorkflowStub("provision",
        WorkflowOptions.newBuilder()
            .setWorkflowId("provision:" + host) // A host has one run at a time, because its run has this id.
            .setTaskQueue(args[1])
            .setStaticSummary("provision " + host + ": " + plan.path("name").asText())
            .setStaticDetails("Started by `Provision.java`.")
            .build());
    run.start(plan);
    System.out.println("started provision:" + host);
    poll:
    while (run.describe().getStatus() == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING) {
      for (JsonNode step : run.query("status", JsonNode.class).get("steps")) {
        if (!step.get("state").asText().equals("parked")) continue;
        String name = args.length > 3 ? args[3] : step.get("name").asText();
        try {
          run.update("retryStep", JsonNode.class, Map.of("step", name, "reason", "tried by Provision.java"));
          System.out.println("retried " + name);
        } catch (WorkflowUpdateException refused) {
          System.out.println("refused: " + ((ApplicationFailure) refused.getCause()).getOriginalMessage());
          run.signal("abort", Map.of("reason", "the retry was refused"));
          break poll;
        }
      }
      Thread.sleep(500);
    }
    try {
      System.out.println(run.getResult(JsonNode.class).get("outcome").asText());
      System.exit(0);
    } catch (WorkflowFailedException error) {
      if (!(error.getCause() instanceof ApplicationFailure failure)) throw error;
      JsonNode details = failure.getDetails().get(0, JsonNode.class);
      System.out.printf("failed: %s: %s%n%s%n", failure.getType(),
          details.get("message").asText(), details.get("advice").asText());
      System.exit(1);
    }
  }
}
