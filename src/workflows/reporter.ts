import type { SearchAttributePair } from '@temporalio/common';
import { fitAdvice } from '../domain/run/advice.ts';
import { renderStatusMarkdown } from '../domain/run/status-markdown.ts';
import { attentionOf, type RunStatus } from '../domain/run/status.ts';
import type { Run } from './run.ts';
import { attributeKeys, keyword, setSearchAttributes } from './search-attributes.ts';
import { showDetails } from './sdk/show-details.ts';

/** Shows the current state of a run in the UI. Search attributes cost history, so only those that change are set. */
export function createReporter(run: Run): () => void {
  let shown = '';
  showDetails(() => renderStatusMarkdown(run.status));
  return () => {
    fitAdvice(run.status, { keepsNone: run.plan.keepSessions === 'none' });
    run.status.attention = attentionOf(run.status, Date.now());
    const { phase, attention } = run.status;
    if (run.searchAttributes.length === 0 || shown === `${phase} ${attention}`) return;
    const constant = shown === '' ? constantAttributes(run.status) : [];
    shown = `${phase} ${attention}`;
    setSearchAttributes(run.searchAttributes, [
      ...constant,
      { key: attributeKeys.phase, value: phase },
      { key: attributeKeys.attention, value: attention },
    ]);
  };
}

function constantAttributes({ host, plan, fleet, labels = {} }: RunStatus): SearchAttributePair[] {
  const list = Object.entries(labels).map(([name, value]) => keyword(`${name}=${value}`));
  return [
    { key: attributeKeys.host, value: keyword(host) },
    { key: attributeKeys.plan, value: keyword(plan) },
    ...(fleet === undefined ? [] : [{ key: attributeKeys.fleet, value: keyword(fleet) }]),
    ...(list.length === 0 ? [] : [{ key: attributeKeys.labels, value: list }]),
  ];
}
