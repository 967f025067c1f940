import { destination, pino, type DestinationStream, type Logger } from 'pino';

export type { Logger };

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * JSON lines, each written before the call returns.
 * @param to default: standard error; standard output stays free for what a user asked for
 */
export function createLog(
  name: string,
  level: LogLevel,
  to: DestinationStream = destination({ dest: 2, sync: true }),
): Logger {
  return pino({ name, level }, to);
}
