import { invalid } from '../../shared/errors.js';
import type { StreamEventsRequest, StreamEventsResponse } from '../../shared/gen/cordon/v1/event_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type { AuditFeed } from '../events/audit-feed.js';
import { readEvents } from '../events/read-events.js';
import type { Reader } from '../store/store.js';
import type { Handlers } from './handlers.js';
import type { Watch } from './rpc.js';

/** Events read at a time. */
const PAGE = 200;

export interface EventServiceDeps {
  readonly db: Reader;
  readonly feed: AuditFeed;
}

export function eventService(deps: EventServiceDeps): Handlers {
  const streamEvents: Watch<StreamEventsRequest, StreamEventsResponse> = {
    kind: 'watch',
    role: Role.ROLE_VIEWER,
    run: (_caller, request, signal) => stream(deps, request, signal),
  };
  return { streamEvents };
}

async function* stream(
  { db, feed }: EventServiceDeps,
  { afterSequence, follow }: StreamEventsRequest,
  signal: AbortSignal,
): AsyncGenerator<StreamEventsResponse> {
  const end = await feed.last();
  // Waiting there would skip what comes: the store was restored from a backup, or the number is of another server.
  if (afterSequence > BigInt(end)) {
    const description = `must be at most ${end}, the number of the last event there is; begin again with 0`;
    throw invalid([{ field: 'after_sequence', description }]);
  }
  for (let after = Number(afterSequence); !signal.aborted;) {
    const events = await readEvents(db, after, PAGE);
    for (const event of events) yield { event };
    after = Number(events.at(-1)?.sequence ?? after);
    if (!follow && after >= end) return;
    if (events.length === 0) await feed.grown(after, signal);
  }
}
