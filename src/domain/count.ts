/** `1 step`, `2 steps`; `plural` where an s is not enough. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
