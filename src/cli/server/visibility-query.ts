/** The visibility query that `--fleet` and `--query` mean together; empty if neither is given. */
export function toQuery({ fleet, query }: { readonly fleet?: string; readonly query?: string }): string {
  return [
    ...(fleet === undefined ? [] : [`ChandlerFleet = ${literal(fleet)}`]),
    ...(query === undefined || query.trim() === '' ? [] : [`(${query})`]),
  ].join(' AND ');
}

/** The visibility query for the runs of an id. */
export function ofId(id: string): string {
  return `WorkflowId = ${literal(id)}`;
}

function literal(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
