import { expect, it } from 'vitest';
import { parseWaiting } from '../../bench/waiting-costs.ts';

const printed = `hosts: 100, simulated by one SSH server; steps: one each, 1h old
of a core, over 60 s: worker 1.5 %, server 12.0 %, simulator 3.2 %
memory of the worker: 210 MB; before the runs 150 MB
`;

it('the bench reads what waiting runs cost, and refuses an output without it', () => {
  expect(parseWaiting(printed)).toEqual({ workerCore: 1.5, serverCore: 12, workerMb: 210 });
  expect(() => parseWaiting('hosts: 100\n')).toThrow('worker');
});
