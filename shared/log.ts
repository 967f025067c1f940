import { destination, pino, type Logger } from 'pino';

export type { Logger };

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** JSON lines on standard error; standard output stays free for what a user asked for. */
export function createLog(name: string, level: LogLevel): Logger {
  return pino({ name, level }, destination({ dest: 2, sync: true }));
}
