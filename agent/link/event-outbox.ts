import { join } from 'node:path';
import { Subject, type Observable } from 'rxjs';
import { z } from 'zod';
import type { Clock } from '../../shared/clock.js';
import { AgentEvent } from '../../shared/gen/cordon/v1/agent_service.js';
import { newId } from '../../shared/ids.js';
import { toTimestamp } from '../../shared/time.js';
import { AppendLog } from '../append-log.js';

/**
 * Events that wait for the server. Beyond it the oldest one that only informs is dropped and counted; one that only informs
 * never takes the place of one that does more.
 */
export const OUTBOX_LIMIT = 1000;
/** Places that a detector that can wait leaves to those that cannot. */
const KEPT_FREE = 50;
/** Detections that the server has, remembered so that one that is reported again after a crash is known. */
const REMEMBERED = 1000;
/** Dead lines in the file before it is rewritten. */
const SLACK = 200;

const line = z.union([
  z.object({ put: z.string() }),
  z.object({ gone: z.array(z.string()) }),
  z.object({ stored: z.array(z.string()) }),
]);

/** Events on disk until the server has stored them. */
export class EventOutbox {
  private readonly log: AppendLog;
  private readonly waiting = new Map<string, AgentEvent>();
  private readonly stored = new Set<string>();
  /** Those that wait and are not on disk, because it was full. */
  private readonly unsaved = new Set<string>();
  private readonly added = new Subject<void>();
  private readonly removed = new Subject<void>();
  private droppedCount = 0n;

  constructor(
    dataDir: string,
    private readonly clock: Clock,
  ) {
    this.log = new AppendLog(join(dataDir, 'events.log'));
    for (const record of this.log.read()) {
      const parsed = line.safeParse(record);
      if (!parsed.success) continue;
      if ('gone' in parsed.data) this.forget(parsed.data.gone);
      else if ('stored' in parsed.data) for (const id of parsed.data.stored) this.stored.add(id);
      else this.remember(AgentEvent.decode(Buffer.from(parsed.data.put, 'base64')));
    }
  }

  /** Emits when there is a new event. */
  get additions(): Observable<void> {
    return this.added;
  }

  /** Events dropped for lack of room since the agent started. */
  get dropped(): bigint {
    return this.droppedCount;
  }

  /** Emits when the server has stored some. */
  get removals(): Observable<void> {
    return this.removed;
  }

  /** Whether a detector that can wait may add an event: nothing that matters is dropped for it. */
  get hasRoom(): boolean {
    let matter = 0;
    for (const { event } of this.waiting.values()) if (!onlyInforms(event)) matter += 1;
    return matter < OUTBOX_LIMIT - KEPT_FREE;
  }

  /** Keeps an event; it is on disk when this returns. */
  add(event: NonNullable<AgentEvent['event']>): void {
    this.keep({ id: newId(), occurredAt: toTimestamp(this.clock.wall()), event });
  }

  /**
   * The same for a detection with an id of its own: one that waits on disk, or that the server has, is not taken again. One
   * that cannot be written down is told to the server all the same.
   * @throws Error of the file system: it is not on disk
   * @param occurredAtMs wall clock, milliseconds since 1970
   */
  addOnce(id: string, occurredAtMs: number, event: NonNullable<AgentEvent['event']>): void {
    if ((this.waiting.has(id) && !this.unsaved.has(id)) || this.stored.has(id)) return;
    this.keep({ id, occurredAt: toTimestamp(occurredAtMs), event });
  }

  /** Forgets events that the server has stored. Unknown ids are fine. */
  acknowledge(ids: readonly string[]): void {
    const gone = this.forget(ids);
    if (gone.length === 0) return;
    try {
      this.log.append({ gone });
      this.tidy();
    } finally {
      this.removed.next();
    }
  }

  /** Oldest first. */
  *pending(): IterableIterator<AgentEvent> {
    yield* this.waiting.values();
  }

  private keep(full: AgentEvent): void {
    const known = this.waiting.has(full.id);
    if (!known && this.waiting.size >= OUTBOX_LIMIT && !this.makeRoomFor(full)) return;
    this.remember(full);
    this.unsaved.add(full.id);
    try {
      this.log.append({ put: encode(full) });
      this.unsaved.delete(full.id);
      this.tidy();
    } finally {
      if (!known) this.added.next();
    }
  }

  private remember(event: AgentEvent): void {
    this.waiting.set(event.id, event);
  }

  /** Returns the ids of those that waited. */
  private forget(ids: readonly string[]): string[] {
    return ids.filter((id) => {
      const event = this.waiting.get(id);
      if (event?.event?.$case === 'detectionFound') this.stored.add(id);
      for (const oldest of this.stored) {
        if (this.stored.size <= REMEMBERED) break;
        this.stored.delete(oldest);
      }
      this.unsaved.delete(id);
      return this.waiting.delete(id);
    });
  }

  private makeRoomFor({ event }: AgentEvent): boolean {
    const events = [...this.waiting.values()];
    const victim =
      events.find((each) => onlyInforms(each.event)) ?? (onlyInforms(event) ? undefined : events[0]);
    this.droppedCount += 1n;
    if (victim) this.acknowledge([victim.id]);
    return victim !== undefined;
  }

  private tidy(): void {
    if (this.log.length <= this.waiting.size + SLACK) return;
    const events = [...this.waiting.values()].map((event) => ({ put: encode(event) }));
    this.log.rewrite([{ stored: [...this.stored] }, ...events]);
  }
}

/** The state itself is reported anyway; a detection or tampering is known to nobody else. */
function onlyInforms(event: AgentEvent['event']): boolean {
  return event?.$case !== 'detectionFound' && event?.$case !== 'tamperDetected';
}

const encode = (event: AgentEvent): string =>
  Buffer.from(AgentEvent.encode(event).finish()).toString('base64');
