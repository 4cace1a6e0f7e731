import { describe, expect, it } from 'vitest';
import { parseCpuMs } from '../../bench/cgroup.ts';
import { parseEvents } from '../../bench/count-execve.ts';

describe('the counts of the bench', () => {
  it('reads programs and forks from the events of the kernel', () => {
    const { execve, forks, programs } = parseEvents(
      [
        'sched:sched_process_fork: comm=bash pid=1 child_comm=bash child_pid=2',
        'sched:sched_process_exec: filename=/bin/true pid=2 old_pid=2',
        'sched:sched_process_exec: filename=/usr/bin/env pid=1 old_pid=1',
        'sched:sched_process_exec: filename=/usr/bin/true pid=1 old_pid=1',
        '',
      ].join('\n'),
    );
    expect({ execve, forks }).toEqual({ execve: 3, forks: 1 });
    expect([...programs]).toEqual([
      ['true', 2],
      ['env', 1],
    ]);
  });

  it('reads the CPU time of a control group', () => {
    expect(parseCpuMs('usage_usec 6247\nuser_usec 0\n')).toBe(6.247);
    expect(() => parseCpuMs('')).toThrow('no usage_usec');
  });
});
