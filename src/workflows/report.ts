import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import { renderMarkdown } from '../domain/markdown.ts';
import type { Run } from './run.ts';

const keys = {
  host: defineSearchAttributeKey('ChandlerHost', 'KEYWORD'),
  plan: defineSearchAttributeKey('ChandlerPlan', 'KEYWORD'),
  phase: defineSearchAttributeKey('ChandlerPhase', 'KEYWORD'),
  attention: defineSearchAttributeKey('ChandlerAttention', 'BOOL'),
};

/** Shows runs as they are now in the UI. Search attributes cost history, so they are set only when they change. */
export function createReporter(): (run: Run) => void {
  let shown = '';
  return (run) => {
    const parts = run.status.steps.flatMap((step) => (step.finalizer ? [step, step.finalizer] : [step]));
    run.status.attention = parts.some((part) => part.state === 'parked');
    setCurrentDetails(renderMarkdown(run.status));
    const { phase, attention } = run.status;
    if (!run.searchAttributes || shown === `${phase} ${attention}`) return;
    shown = `${phase} ${attention}`;
    upsertSearchAttributes([
      { key: keys.host, value: run.status.host },
      { key: keys.plan, value: run.status.plan },
      { key: keys.phase, value: phase },
      { key: keys.attention, value: attention },
    ]);
  };
}
