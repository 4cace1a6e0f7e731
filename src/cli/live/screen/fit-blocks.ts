/** Lines that are shown together or not at all. */
export type Block = readonly string[];

/** The lines of as many blocks as fit into `height` rows, around the block at `index`, which has priority. */
export function fitBlocks(blocks: readonly Block[], index: number, height: number): string[] {
  const heightOf = (at: number) => blocks[at]?.length ?? 0;
  let [from, to] = [index, index + 1];
  let used = heightOf(index);
  const takeAbove = (most: number) => {
    let above = 0;
    while (from > 0 && used + heightOf(from - 1) <= height && above + heightOf(from - 1) <= most) {
      from -= 1;
      above += heightOf(from);
      used += heightOf(from);
    }
  };
  takeAbove(Math.floor(height / 2));
  while (to < blocks.length && used + heightOf(to) <= height) {
    used += heightOf(to);
    to += 1;
  }
  takeAbove(height);
  return blocks.slice(from, to).flat().slice(0, height);
}
