import type { Event } from '../../shared/gen/cordon/v1/event_service.js';

/** Where events go. One call at a time. */
export interface Sink {
  /** The setting and its value, for people and as the name of the cursor. */
  readonly target: string;
  /** Most events that one call takes. */
  readonly most: number;
  /**
   * Hands over events, oldest first. Resolves when they are as safe as this way allows; rejects when some may be lost, and
   * all of them are handed over again. After a failure the next call starts anew.
   */
  write(events: readonly Event[]): Promise<void>;
  /** Drops what is open; a call under way fails. */
  close(): void;
}
