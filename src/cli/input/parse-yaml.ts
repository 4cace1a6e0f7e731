import {
  LineCounter,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';
import { messageOf } from '../../domain/run/failure.ts';
import type { PlacedProblem } from '../../domain/plan/problems.ts';

/** A YAML or JSON text, and where its parts are. */
export interface YamlText {
  readonly value: unknown;
  /** The line of the deepest existing part of a path, and whether that part is a literal block (`|`). */
  readonly placeOf: (path: string) => { readonly line?: number; readonly isBlock: boolean };
}

/** Enough for a plan that repeats a block in every step; a bomb needs far more. */
const MAX_ALIASES = 100;

/** Parses YAML or JSON (which is YAML). */
export function parseYaml(
  text: string,
): { yaml: YamlText; problems?: never } | { yaml?: never; problems: PlacedProblem[] } {
  const lines = new LineCounter();
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0) return { problems: document.errors.map((error) => place(error, lineAt)) };
  try {
    return {
      yaml: {
        value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown,
        placeOf(path) {
          const { node, offset } = find(document, path);
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

/** Finds the deepest existing part of a path, and where it begins: its key, or the list item. */
function find(
  document: Document.Parsed,
  path: string,
): { readonly node: unknown; readonly offset: number | undefined } {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const [, key, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    if (isMap(node) && key !== undefined) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      if (!pair) return { node: undefined, offset };
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && index !== undefined) {
      node = node.items[Number(index)];
      offset = startOf(node) ?? offset;
    } else return { node: undefined, offset };
  }
  return { node, offset };
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
