import { upsertSearchAttributes } from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import { fitAdvice } from '../domain/run/advice.ts';
import { boundedText } from '../domain/text/bounded-text.ts';
import { renderStatusMarkdown } from '../domain/run/status-markdown.ts';
import { attentionOf, type RunStatus } from '../domain/run/status.ts';
import type { Run } from './run.ts';
import { showDetails } from './sdk/show-details.ts';

const keys = {
  host: defineSearchAttributeKey('ChandlerHost', 'KEYWORD'),
  plan: defineSearchAttributeKey('ChandlerPlan', 'KEYWORD'),
  phase: defineSearchAttributeKey('ChandlerPhase', 'KEYWORD'),
  fleet: defineSearchAttributeKey('ChandlerFleet', 'KEYWORD'),
  attention: defineSearchAttributeKey('ChandlerAttention', 'BOOL'),
  labels: defineSearchAttributeKey('ChandlerLabels', 'KEYWORD_LIST'),
};

/** The limit of the strictest visibility store of a server. */
const MAX_KEYWORD_LENGTH = 255;

/** Shows the current state of a run in the UI. Search attributes cost history, so they are set only when they change. */
export function createReporter(run: Run): () => void {
  let shown = '';
  showDetails(() => renderStatusMarkdown(run.status));
  return () => {
    fitAdvice(run.status, { keepsNone: run.plan.keepSessions === 'none' });
    run.status.attention = attentionOf(run.status, Date.now());
    const { phase, attention } = run.status;
    if (run.searchAttributes.length === 0 || shown === `${phase} ${attention}`) return;
    shown = `${phase} ${attention}`;
    const known = new Set<string>(run.searchAttributes);
    upsertSearchAttributes(attributesOf(run.status).filter(({ key }) => known.has(key.name)));
  };
}

function attributesOf({ host, plan, phase, attention, fleet, labels = {} }: RunStatus) {
  const list = Object.entries(labels).map(([name, value]) => keyword(`${name}=${value}`));
  return [
    { key: keys.host, value: keyword(host) },
    { key: keys.plan, value: keyword(plan) },
    { key: keys.phase, value: phase },
    { key: keys.attention, value: attention },
    ...(fleet === undefined ? [] : [{ key: keys.fleet, value: keyword(fleet) }]),
    ...(list.length === 0 ? [] : [{ key: keys.labels, value: list }]),
  ];
}

function keyword(text: string): string {
  return boundedText(text, MAX_KEYWORD_LENGTH);
}
