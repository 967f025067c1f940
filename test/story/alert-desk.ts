import type { MethodDefinition } from '@grpc/grpc-js';
import { alertService } from '../../server/api/alert-service.js';
import { authorize } from '../../server/api/authorize.js';
import { eventService } from '../../server/api/event-service.js';
import { mutate } from '../../server/api/mutate.js';
import type { Rpc, Watch } from '../../server/api/rpc.js';
import { AuditFeed } from '../../server/events/audit-feed.js';
import {
  AlertServiceService,
  ListAlertsRequest,
  WatchAlertsRequest,
  type WatchAlertsResponse,
} from '../../shared/gen/cordon/v1/alert_service.js';
import type { Alert } from '../../shared/gen/cordon/v1/alert.js';
import {
  StreamEventsRequest,
  type Event,
  type StreamEventsResponse,
} from '../../shared/gen/cordon/v1/event_service.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type { LinkSite } from './server-link-site.js';

const caller = (role: Role) => ({ operatorName: 'ada', tokenId: 'token', role, peer: 'test' });

/** Calls of operators about alerts and events, made through the pipeline and without sockets. */
export class AlertDesk {
  readonly feed: AuditFeed;
  private readonly handlers: Readonly<Record<string, Rpc<unknown, unknown>>>;
  private readonly ending = new AbortController();

  constructor(private readonly site: LinkSite) {
    const { store, clock, deps } = site;
    this.feed = new AuditFeed(store, clock, deps.log);
    const common = { db: store.read, feed: this.feed };
    this.handlers = {
      ...alertService({
        ...common,
        clock,
        isOnline: () => false,
        changed: (deviceIds) => site.registry.pokeDesired(deviceIds),
      }),
      ...eventService(common),
    };
  }

  /** Ends every watch. */
  close(): void {
    this.ending.abort();
    this.feed.close();
  }

  /** One call, as a client with this role makes it. */
  async call<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    role = Role.ROLE_OPERATOR,
  ): Promise<Response> {
    const [name = ''] = /[^/]+$/.exec(method.path) ?? [];
    const rpc = this.handlers[name.charAt(0).toLowerCase() + name.slice(1)] as Rpc<Request, Response>;
    authorize(caller(role), rpc.role);
    if (rpc.kind === 'watch') throw new Error(`${method.path} is a watch`);
    // Over the wire and back, so that a test sees what a client would see.
    const sent = method.requestDeserialize(method.requestSerialize(request));
    if (rpc.kind === 'query') return rpc.run(caller(role), sent);
    const now = (): number => this.site.clock.wall();
    return mutate({ store: this.site.store, now }, method, rpc, caller(role), sent);
  }

  async list(request: Partial<ListAlertsRequest> = {}): Promise<Alert[]> {
    const whole = ListAlertsRequest.fromPartial(request);
    return (await this.call(AlertServiceService.listAlerts, whole, Role.ROLE_VIEWER)).alerts;
  }

  watchAlerts(request: Partial<WatchAlertsRequest> = {}): Seen<Alert> {
    const rpc = this.handlers['watchAlerts'] as Watch<WatchAlertsRequest, WatchAlertsResponse>;
    const whole = WatchAlertsRequest.fromPartial(request);
    return new Seen(rpc.run(caller(Role.ROLE_VIEWER), whole, this.ending.signal), ({ alert }) => alert);
  }

  events(request: Partial<StreamEventsRequest> = {}): Seen<Event> {
    const rpc = this.handlers['streamEvents'] as Watch<StreamEventsRequest, StreamEventsResponse>;
    const whole = StreamEventsRequest.fromPartial(request);
    return new Seen(rpc.run(caller(Role.ROLE_VIEWER), whole, this.ending.signal), ({ event }) => event);
  }
}

/** What comes over a stream, read at the pace of the test. */
export class Seen<Item> {
  private readonly iterator: AsyncIterator<Item>;

  constructor(messages: AsyncIterable<object>, item: (message: never) => Item | undefined) {
    this.iterator = items(messages, item);
  }

  /** The next one. Fails when the stream has ended. */
  async next(): Promise<Item> {
    const step = await this.iterator.next();
    if (step.done) throw new Error('the stream has ended');
    return step.value;
  }

  /** All until the end of the stream. */
  async rest(): Promise<Item[]> {
    const all: Item[] = [];
    for (let step = await this.iterator.next(); !step.done; step = await this.iterator.next()) {
      all.push(step.value);
    }
    return all;
  }
}

async function* items<Item>(
  messages: AsyncIterable<object>,
  item: (message: never) => Item | undefined,
): AsyncGenerator<Item> {
  for await (const message of messages) {
    const one = item(message as never);
    if (one !== undefined) yield one;
  }
}
