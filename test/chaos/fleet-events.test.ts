import { describe, expect, it } from 'vitest';
import { readFleetEvents, type RawEvent } from '../../chaos/fleet/fleet-events.ts';
import { HOST_REPORT } from '../../src/domain/fleet/host-report.ts';

describe('the history of a fleet', () => {
  const payloads = (value: unknown) => ({ payloads: [{ data: Buffer.from(JSON.stringify(value)) }] });
  const at = (seconds: number) => ({ seconds, nanos: 0 });
  const sent = { workflowId: 'provision:n0', firstRunId: 'r', kind: 'over' };
  const accepted = (name: string) => ({
    acceptedRequest: { input: { name, args: payloads({ hosts: ['n0'] }) } },
  });
  const raw: RawEvent[] = [
    { eventId: 1, eventTime: at(1), workflowTaskStartedEventAttributes: {} },
    { eventId: 2, eventTime: at(2), workflowTaskCompletedEventAttributes: { startedEventId: 1 } },
    {
      eventId: 3,
      eventTime: at(2),
      startChildWorkflowExecutionInitiatedEventAttributes: {
        workflowId: 'provision:n0',
        input: payloads({ steps: [{ name: 'a' }] }),
        memo: { fields: { digest: { data: Buffer.from('"d"') } } },
      },
    },
    {
      eventId: 4,
      eventTime: at(3),
      childWorkflowExecutionStartedEventAttributes: {
        initiatedEventId: 3,
        workflowExecution: { workflowId: 'provision:n0', runId: 'r' },
      },
    },
    {
      eventId: 5,
      eventTime: at(4),
      workflowExecutionSignaledEventAttributes: { signalName: HOST_REPORT, input: payloads(sent) },
    },
    {
      eventId: 11,
      eventTime: at(4),
      workflowExecutionSignaledEventAttributes: { signalName: 'pause', input: payloads({}) },
    },
    { eventId: 6, eventTime: at(5), workflowExecutionUpdateAcceptedEventAttributes: accepted('skipHosts') },
    { eventId: 7, eventTime: at(5), workflowExecutionUpdateAcceptedEventAttributes: accepted('retry') },
    { eventId: 8, workflowExecutionUpdateCompletedEventAttributes: { acceptedEventId: 6, outcome: {} } },
    {
      eventId: 9,
      workflowExecutionUpdateCompletedEventAttributes: { acceptedEventId: 7, outcome: { success: {} } },
    },
    {
      eventId: 10,
      eventTime: at(6),
      childWorkflowExecutionTerminatedEventAttributes: {
        initiatedEventId: 3,
        workflowExecution: { workflowId: 'provision:n0', runId: 'r' },
      },
    },
  ];

  it('has an action that the server repeats after a reset', () => {
    const input = { name: 'resume', args: payloads({ reason: 'again' }) };
    const repeated: RawEvent[] = [
      {
        eventId: 1,
        workflowExecutionUpdateAdmittedEventAttributes: { request: { meta: { updateId: 'u' }, input } },
      },
      {
        eventId: 2,
        eventTime: at(1),
        workflowExecutionUpdateAcceptedEventAttributes: { protocolInstanceId: 'u' },
      },
      {
        eventId: 3,
        workflowExecutionUpdateCompletedEventAttributes: { acceptedEventId: 2, outcome: { success: {} } },
      },
    ];
    expect(readFleetEvents(repeated)).toEqual([
      { kind: 'action', atMs: 1000, name: 'resume', input: { reason: 'again' }, isSignal: false },
    ]);
  });

  it('has tasks by the clock of the workflow, hosts, reports, and the actions that were not refused', () => {
    expect(readFleetEvents(raw)).toEqual([
      { kind: 'task', atMs: 1000 },
      { kind: 'start', atMs: 2000, workflowId: 'provision:n0', steps: ['a'], digest: 'd' },
      { kind: 'started', atMs: 3000, workflowId: 'provision:n0', firstRunId: 'r' },
      { kind: 'report', atMs: 4000, report: sent },
      { kind: 'action', atMs: 4000, name: 'pause', input: {}, isSignal: true },
      { kind: 'action', atMs: 5000, name: 'retry', input: { hosts: ['n0'] }, isSignal: false },
      { kind: 'closed', atMs: 6000, workflowId: 'provision:n0', firstRunId: 'r', isDone: false },
    ]);
  });
});
