/** The search attributes that Chandler sets, by their names on the server. */
export const searchAttributes = {
  ChandlerHost: 'Keyword',
  ChandlerPlan: 'Keyword',
  ChandlerPhase: 'Keyword',
  ChandlerAttention: 'Bool',
} as const;
