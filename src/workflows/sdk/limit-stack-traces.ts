/**
 * Loaded before any workflow exists, because the SDK then freezes `Error`. The SDK (1.24) keeps a stack trace of every promise of a
 * workflow, for the query `__stack_trace`: with ten frames each that is a third of the CPU and half of the memory of a workflow.
 * Two of these frames are the SDK's. Remove this once the SDK has an option to keep no stack traces.
 */
Error.stackTraceLimit = 4;
