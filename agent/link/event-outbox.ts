import { join } from 'node:path';
import { Subject, type Observable } from 'rxjs';
import { z } from 'zod';
import type { Clock } from '../../shared/clock.js';
import { AgentEvent } from '../../shared/gen/cordon/v1/agent_service.js';
import { newId } from '../../shared/ids.js';
import { toTimestamp } from '../../shared/time.js';
import { AppendLog } from '../append-log.js';

/** Events that wait for the server. Beyond it the oldest one that only informs is dropped and counted. */
export const OUTBOX_LIMIT = 1000;
/** Dead lines in the file before it is rewritten. */
const SLACK = 200;

const line = z.union([z.object({ put: z.string() }), z.object({ gone: z.array(z.string()) })]);

/** Events on disk until the server has stored them. */
export class EventOutbox {
  private readonly log: AppendLog;
  private readonly waiting = new Map<string, AgentEvent>();
  private readonly added = new Subject<void>();
  private droppedCount = 0n;

  constructor(
    dataDir: string,
    private readonly clock: Clock,
  ) {
    this.log = new AppendLog(join(dataDir, 'events.log'));
    for (const record of this.log.read()) {
      const parsed = line.safeParse(record);
      if (!parsed.success) continue;
      if ('gone' in parsed.data) for (const id of parsed.data.gone) this.waiting.delete(id);
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

  /** Keeps an event; it is on disk when this returns. */
  add(event: NonNullable<AgentEvent['event']>): void {
    const full: AgentEvent = { id: newId(), occurredAt: toTimestamp(this.clock.wall()), event };
    if (this.waiting.size >= OUTBOX_LIMIT) this.dropOne();
    this.remember(full);
    this.log.append({ put: encode(full) });
    this.tidy();
    this.added.next();
  }

  /** Forgets events that the server has stored. Unknown ids are fine. */
  acknowledge(ids: readonly string[]): void {
    const gone = ids.filter((id) => this.waiting.delete(id));
    if (gone.length === 0) return;
    this.log.append({ gone });
    this.tidy();
  }

  /** Oldest first. */
  *pending(): IterableIterator<AgentEvent> {
    yield* this.waiting.values();
  }

  private remember(event: AgentEvent): void {
    this.waiting.set(event.id, event);
  }

  private dropOne(): void {
    const events = [...this.waiting.values()];
    const victim = events.find(onlyInforms) ?? events[0];
    if (!victim) return;
    this.droppedCount += 1n;
    this.acknowledge([victim.id]);
  }

  private tidy(): void {
    if (this.log.length <= this.waiting.size + SLACK) return;
    this.log.rewrite([...this.waiting.values()].map((event) => ({ put: encode(event) })));
  }
}

/** The state itself is reported anyway; a detection or tampering is known to nobody else. */
function onlyInforms({ event }: AgentEvent): boolean {
  return event?.$case !== 'detectionFound' && event?.$case !== 'tamperDetected';
}

const encode = (event: AgentEvent): string =>
  Buffer.from(AgentEvent.encode(event).finish()).toString('base64');
