/** A group of bars with a scale of its own. */
export interface Panel {
  readonly title: string;
  readonly bars: readonly { readonly label: string; readonly ms: number }[];
}

const COLUMNS = 3;
const PANEL_WIDTH = 330;
const BAR = { height: 16, gap: 8, left: 158, width: 112 };
const TOP = 34;

/** Horizontal bars in panels, as SVG that reads well on light and dark pages. The first bar of each panel stands out. */
export function renderPlot(title: string, panels: readonly Panel[]): string {
  const most = Math.max(1, ...panels.map(({ bars }) => bars.length));
  const panelHeight = TOP + most * (BAR.height + BAR.gap) + 18;
  const columns = Math.min(COLUMNS, panels.length);
  const rows = Math.ceil(panels.length / COLUMNS);
  const [width, height] = [columns * PANEL_WIDTH + 16, rows * panelHeight + 40];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    '<style>text{font:12px system-ui,sans-serif;fill:#24292f}.t{font-weight:600}.h{font-size:15px;font-weight:600}',
    '.o{fill:#0969da}.p{fill:#afb8c1}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.o{fill:#4493f8}.p{fill:#6e7681}}</style>',
    `<text class="h" x="12" y="24">${escape(title)}</text>`,
    ...panels.flatMap((panel, i) =>
      renderPanel(panel, 12 + (i % COLUMNS) * PANEL_WIDTH, 40 + Math.floor(i / COLUMNS) * panelHeight),
    ),
    '</svg>',
    '',
  ].join('\n');
}

function renderPanel({ title, bars }: Panel, x: number, y: number): string[] {
  const longest = Math.max(...bars.map(({ ms }) => (Number.isFinite(ms) ? ms : 0)), 1);
  const lines = [`<text class="t" x="${x}" y="${y + 18}">${escape(title)}</text>`];
  for (const [i, { label, ms }] of bars.entries()) {
    const top = y + TOP + i * (BAR.height + BAR.gap);
    const length = Number.isFinite(ms) ? Math.max(1, Math.round((ms / longest) * BAR.width)) : 0;
    const value = Number.isFinite(ms) ? `${Number((ms / 1000).toPrecision(2))} s` : 'not measured';
    const left = x + BAR.left;
    lines.push(
      `<text x="${left - 8}" y="${top + 12}" text-anchor="end">${escape(label)}</text>`,
      `<rect class="${i === 0 ? 'o' : 'p'}" x="${left}" y="${top}" width="${length}" height="${BAR.height}" rx="2"/>`,
      `<text x="${left + length + 6}" y="${top + 12}">${value}</text>`,
    );
  }
  return lines;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
