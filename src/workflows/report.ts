import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import { boundedText } from '../domain/bounded-text.ts';
import { renderMarkdown } from '../domain/markdown.ts';
import type { Run } from './run.ts';

const keys = {
  host: defineSearchAttributeKey('ChandlerHost', 'KEYWORD'),
  plan: defineSearchAttributeKey('ChandlerPlan', 'KEYWORD'),
  phase: defineSearchAttributeKey('ChandlerPhase', 'KEYWORD'),
  attention: defineSearchAttributeKey('ChandlerAttention', 'BOOL'),
};

/** What the narrowest store of a server takes. */
const MAX_KEYWORD_LENGTH = 255;

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
      { key: keys.host, value: boundedText(run.status.host, MAX_KEYWORD_LENGTH) },
      { key: keys.plan, value: boundedText(run.status.plan, MAX_KEYWORD_LENGTH) },
      { key: keys.phase, value: phase },
      { key: keys.attention, value: attention },
    ]);
  };
}
