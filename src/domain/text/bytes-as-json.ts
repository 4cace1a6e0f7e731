/** The length of a value as JSON, in bytes of UTF-8. */
export function bytesAsJson(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
