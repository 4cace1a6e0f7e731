import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import type { SearchAttribute } from '../domain/run/search-attributes.ts';
import { boundedText } from '../domain/text/bounded-text.ts';

export const attributeKeys = {
  host: defineSearchAttributeKey('ChandlerHost', 'KEYWORD'),
  plan: defineSearchAttributeKey('ChandlerPlan', 'KEYWORD'),
  phase: defineSearchAttributeKey('ChandlerPhase', 'KEYWORD'),
  fleet: defineSearchAttributeKey('ChandlerFleet', 'KEYWORD'),
  attention: defineSearchAttributeKey('ChandlerAttention', 'BOOL'),
  labels: defineSearchAttributeKey('ChandlerLabels', 'KEYWORD_LIST'),
};

/** The limit of the strictest visibility store of a server. */
const MAX_KEYWORD_LENGTH = 255;

/** Sets those of the search attributes that the server knows: an unknown one would block the workflow for ever. */
export function setSearchAttributes(
  known: readonly SearchAttribute[],
  attributes: readonly SearchAttributePair[],
): void {
  const names = new Set<string>(known);
  const pairs = attributes.filter(({ key }) => names.has(key.name));
  if (pairs.length > 0) upsertSearchAttributes(pairs);
}

export function keyword(text: string): string {
  return boundedText(text, MAX_KEYWORD_LENGTH);
}
