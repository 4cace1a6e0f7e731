import { pino, type Logger } from 'pino';

/** Structured logs on standard error, so that standard output stays free for answers. */
export function createLogger(level: string): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
