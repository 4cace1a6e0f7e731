import { describe, expect, it } from 'vitest';
import { renderPlot } from '../../bench/plot.ts';

describe('the plot of the bench', () => {
  it('draws bars by the scale of their panel, and names what was not measured', () => {
    const svg = renderPlot('Wall & clock', [
      {
        title: '1 host',
        bars: [
          { label: 'Chandler', ms: 2000 },
          { label: 'ssh', ms: 1000 },
          { label: 'Ansible', ms: NaN },
        ],
      },
    ]);
    expect(svg).toContain('<title>Wall &amp; clock</title>');
    const bars = [...svg.matchAll(/<rect class="(\w)".* width="(\d+)"/g)].map(([, kind, width]) => [
      kind,
      width,
    ]);
    expect(bars).toEqual([
      ['o', '112'],
      ['p', '56'],
      ['p', '0'],
    ]);
    expect(svg).toContain('>not measured</text>');
  });
});
