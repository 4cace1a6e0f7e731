/** A number of hosts, or a share of them: `20%`. */
export type Amount = number | string;

/** At most 100 %, with up to two decimals. */
const SHARE = /^(?:100(?:\.0{1,2})?|\d{1,2}(?:\.\d{1,2})?)%$/;

export function isAmount(value: unknown): value is Amount {
  return typeof value === 'number' ? Number.isInteger(value) && value >= 0 : isShare(value);
}

function isShare(value: unknown): value is string {
  return typeof value === 'string' && SHARE.test(value);
}

/** The number of hosts that an amount stands for; a share is rounded down. */
export function amountOf(amount: Amount, total: number): number {
  if (typeof amount === 'number') return amount;
  // Hundredths of a percent are whole numbers, so that 33.33 % of 10,000 is exact.
  return Math.floor((total * Math.round(Number.parseFloat(amount) * 100)) / 10_000);
}

/** `3 (20 %)` */
export function describeAmount(amount: Amount, total: number): string {
  return typeof amount === 'number'
    ? String(amount)
    : `${amountOf(amount, total)} (${amount.replace('%', ' %')})`;
}
