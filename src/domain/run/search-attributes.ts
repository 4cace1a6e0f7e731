/** The search attributes that Chandler sets, by their names on the server. */
export const searchAttributes = {
  ChandlerHost: 'Keyword',
  ChandlerPlan: 'Keyword',
  ChandlerPhase: 'Keyword',
  ChandlerFleet: 'Keyword',
  ChandlerAttention: 'Bool',
  ChandlerLabels: 'KeywordList',
} as const;

/** The name of one of them. */
export type SearchAttribute = keyof typeof searchAttributes;

/** Their types on the server (temporal.api.enums.v1.IndexedValueType). */
export const indexedValueTypes = { Keyword: 2, Bool: 5, KeywordList: 7 } as const;
