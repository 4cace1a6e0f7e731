/** The visibility query for `--fleet` and `--query` together; empty if neither is set. */
export function toQuery({ fleet, query }: { readonly fleet?: string; readonly query?: string }): string {
  return [
    ...(fleet === undefined ? [] : [`ChandlerFleet = ${literal(fleet)}`]),
    ...(query === undefined || query.trim() === '' ? [] : [`(${query})`]),
  ].join(' AND ');
}

export function ofId(id: string): string {
  return `WorkflowId = ${literal(id)}`;
}

function literal(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
