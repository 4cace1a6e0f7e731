import { verdictsOn, type Finding } from '../../domain/run/finding.ts';
import { searchAttributes } from '../../domain/run/search-attributes.ts';
import { oneLine } from '../../domain/text/plain-text.ts';

/** temporal.api.enums.v1.IndexedValueType, with the names of the Temporal CLI. */
const TYPES = ['Unspecified', 'Text', 'Keyword', 'Int', 'Double', 'Bool', 'Datetime', 'KeywordList'] as const;

export function typeNumber(type: (typeof TYPES)[number]): number {
  return TYPES.indexOf(type);
}

/** The search attributes of a server: the number of the type, by name. */
export type KnownAttributes = Readonly<Record<string, number>>;

const WITHOUT = 'runs work, but cannot be found by host, plan or attention';

export function missingAttributes(known: KnownAttributes): (keyof typeof searchAttributes)[] {
  return (Object.keys(searchAttributes) as (keyof typeof searchAttributes)[]).filter(
    (name) => !Object.hasOwn(known, name),
  );
}

/**
 * The findings about Chandler's search attributes. `cli` is the Temporal CLI with its connection options; `fixed` are those just
 * created.
 */
export function attributeFindings(
  known: KnownAttributes,
  cli: string,
  { fixed = [], refusal }: { fixed?: readonly string[]; refusal?: string } = {},
): Finding[] {
  const missing = missingAttributes(known);
  const all = Object.entries(searchAttributes);
  const findings = all.flatMap(([name, type]): Finding[] => {
    const { ok, problem } = verdictsOn('search-attributes', name);
    const create = `${cli} operator search-attribute create --name ${name} --type ${type}`;
    if (fixed.includes(name) && known[name] === typeNumber(type))
      return [{ ...ok(`a ${type}`), fixed: 'created it' }];
    if (missing.some((other) => other === name)) {
      const why = refusal === undefined ? '' : `; the server did not let this program create it: ${refusal}`;
      return [problem(`is missing: ${WITHOUT}${why}`, create)];
    }
    if (known[name] === typeNumber(type)) return [];
    const is = TYPES[known[name] ?? 0] ?? 'of an unknown type';
    const remove = `${cli} operator search-attribute remove --name ${name} --yes`;
    return [problem(`is ${oneLine(is)}, must be ${type}: ${WITHOUT}`, `${remove} && ${create}`)];
  });
  const right = all.length - findings.length;
  if (right === 0) return findings;
  const { ok } = verdictsOn('search-attributes', 'search attributes');
  return [ok(`${right} of ${all.length} exist with the right type`), ...findings];
}
