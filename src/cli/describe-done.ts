/** An order that a run has taken. */
export type TakenOrder =
  | { readonly action: 'retry' | 'skip'; readonly step: string }
  | { readonly action: 'extend'; readonly step: string; readonly by: string }
  | { readonly action: 'abort' | 'pause' | 'resume' };

/** What has come of an order, in the words of the commands and of the full screen. */
export function describeDone(order: TakenOrder): string {
  switch (order.action) {
    case 'retry':
      return `${order.step} runs again`;
    case 'skip':
      return `${order.step} is skipped`;
    case 'extend':
      return `${order.step} has ${order.by} more`;
    case 'abort':
      return 'The run is being ended';
    case 'pause':
      return 'The run is paused; what runs goes on';
    case 'resume':
      return 'The run goes on';
  }
}
