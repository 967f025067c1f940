/** How to come back after a lost connection. All times in milliseconds. */
export interface ReconnectSettings {
  /** First attempt after a healthy stream: a random time up to this, so that a fleet does not come back at once. */
  readonly spreadMs: number;
  /** First step of the back-off. */
  readonly minMs: number;
  /** Longest step. */
  readonly maxMs: number;
  /** A stream that lived this long was healthy. */
  readonly healthyAfterMs: number;
}

/** DESIGN 6.2: full-jitter exponential 1 s to 300 s, reset only after 60 s healthy. */
export const defaultReconnect: ReconnectSettings = {
  spreadMs: 10_000,
  minMs: 1_000,
  maxMs: 300_000,
  healthyAfterMs: 60_000,
};

/**
 * Delay before the next attempt.
 * @param failures attempts in a row that did not lead to a healthy stream; 0 after a healthy one
 * @param random a number from 0 up to 1
 */
export function reconnectDelay(settings: ReconnectSettings, failures: number, random: number): number {
  if (failures === 0) return random * settings.spreadMs;
  const ceiling = Math.min(settings.maxMs, settings.minMs * 2 ** Math.min(failures - 1, 30));
  return random * ceiling;
}
