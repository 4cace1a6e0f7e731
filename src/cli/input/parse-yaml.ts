import {
  LineCounter,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Document,
  type Node,
  type Pair,
  type Tags,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { messageOf } from '../../domain/run/failure.ts';
import type { PlacedProblem } from '../../domain/plan/problems.ts';

/** A YAML or JSON text, and where its parts are. */
export interface YamlText {
  readonly value: unknown;
  /**
   * The line of the deepest existing part of a path, and whether that part is a literal block (`|`). Keys with dots or brackets
   * need a list.
   */
  readonly placeOf: (path: string | readonly string[]) => {
    readonly line?: number;
    readonly isBlock: boolean;
  };
}

/** Enough for a plan that repeats a block in every step; a bomb needs far more. */
const MAX_ALIASES = 100;

/** Parses YAML or JSON (which is YAML). Version 1.1 reads `yes` as true. */
export function parseYaml(
  text: string,
  version: '1.1' | '1.2' = '1.2',
): { yaml: YamlText; problems?: never } | { yaml?: never; problems: PlacedProblem[] } {
  const lines = new LineCounter();
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    version,
    customTags: asInPython,
  });
  if (document.errors.length > 0) return { problems: document.errors.map((error) => place(error, lineAt)) };
  const pairs: PairIndex = new Map();
  try {
    return {
      yaml: {
        value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown,
        placeOf(path) {
          const { node, offset } = find(document, typeof path === 'string' ? keysOf(path) : path, pairs);
          const isBlock = isScalar(node) && node.type === 'BLOCK_LITERAL';
          return offset === undefined ? { isBlock } : { isBlock, line: lineAt(offset) };
        },
      },
    };
  } catch (error) {
    // Thrown for an alias without its anchor, or for too many aliases.
    return { problems: [{ path: '', message: messageOf(error) }] };
  }
}

function place({ message, pos }: YAMLError, lineAt: (offset: number) => number): PlacedProblem {
  return { path: '', message: message.replace(/\s*\n\s*/g, ' '), line: lineAt(pos[0]) };
}

/** Scalars that PyYAML, which Ansible uses, reads as booleans and numbers. Dates stay texts. */
const PYTHON_SCALARS: readonly { readonly sample: string; readonly test: RegExp }[] = [
  { sample: 'y', test: /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/ },
  { sample: 'n', test: /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/ },
  { sample: '09', test: /^[-+]?(?:0|[1-9][0-9_]*)$/ },
  { sample: '1e3', test: /^[-+]?[0-9][0-9_]*\.[0-9_]*[eE][-+][0-9]+$/ },
];

/** Makes the tags of YAML 1.1 match {@link PYTHON_SCALARS}. Those of YAML 1.2 have no dates and stay as they are. */
function asInPython(tags: Tags): Tags {
  const isOld = tags.some((tag) => typeof tag !== 'string' && tag.tag === TIMESTAMP);
  if (!isOld) return tags;
  return tags
    .filter((tag) => typeof tag === 'string' || tag.tag !== TIMESTAMP)
    .map((tag) => {
      if (typeof tag === 'string' || !('test' in tag) || !tag.test) return tag;
      const { test } = PYTHON_SCALARS.find(({ sample }) => tag.test?.test(sample)) ?? tag;
      return Object.assign(Object.create(tag), { test }) as typeof tag;
    });
}

const TIMESTAMP = 'tag:yaml.org,2002:timestamp';

/** `steps[1].name`: steps, 1, name */
function keysOf(path: string): readonly string[] {
  return path.match(/[^.[\]]+/g) ?? [];
}

/** Finds the deepest existing part of a path, and where it begins: its key, or the list item. */
function find(
  document: Document.Parsed,
  path: readonly string[],
  pairs: PairIndex,
): { readonly node: unknown; readonly offset: number | undefined } {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const key of path) {
    if (isMap(node)) {
      const pair = pairsOf(node, pairs).get(key);
      if (!pair) return { node: undefined, offset };
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && /^\d+$/.test(key)) {
      node = node.items[Number(key)];
      offset = startOf(node) ?? offset;
    } else return { node: undefined, offset };
  }
  return { node, offset };
}

/** The pairs of mappings by key, because a large mapping is asked for each of its keys. */
type PairIndex = Map<YAMLMap, ReadonlyMap<string, Pair>>;

function pairsOf(map: YAMLMap, known: PairIndex): ReadonlyMap<string, Pair> {
  const found =
    known.get(map) ??
    new Map(
      map.items.flatMap((item) => (isScalar(item.key) ? [[String(item.key.value), item] as const] : [])),
    );
  known.set(map, found);
  return found;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
