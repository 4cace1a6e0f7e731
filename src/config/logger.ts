import { pino, type Logger } from 'pino';

/** Structured logs on standard error, because standard output is for results. */
export function createLogger(level: string): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
