/**
 * When a process started, in ticks since boot, by the text of its /proc/PID/stat (proc(5), fields 3 and 22); nothing for the
 * remains of one (a zombie).
 */
export function startTicks(stat: string): string | undefined {
  // The name stands in parentheses and may itself hold spaces and parentheses.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : rest[18];
}

/** Sends a signal; a process that is gone needs none. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
