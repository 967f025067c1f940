import type { Observable } from 'rxjs';
import { filter, map } from 'rxjs/operators';
import type { Alert } from '../../shared/gen/cordon/v1/alert.js';
import { AlertServiceService, WatchAlertsRequest } from '../../shared/gen/cordon/v1/alert_service.js';
import type { Api } from '../client.js';
import { reconnecting, type ReconnectDeps } from '../reconnect.js';

/** Versions of alerts that are remembered, so that none is shown twice after a loss. */
const MOST_REMEMBERED = 10_000;

export interface AlertFeedDeps extends ReconnectDeps {
  readonly api: Api;
}

export interface WatchedAlerts {
  /** Name or id; empty: all devices. */
  readonly device: string;
  /** Whether to begin with the alerts that are open. */
  readonly withOpen: boolean;
  /** Alerts as they are before the watch: no news after a loss either. */
  readonly known: readonly Alert[];
}

/**
 * New and changed alerts, each version once, across losses of the connection: what is open after a loss and was not seen
 * before it is taken for new. What was opened and closed in between is not seen. The server has to have answered before:
 * a watch may be silent for days.
 */
export function watchAlerts(
  { device, withOpen, known }: WatchedAlerts,
  deps: AlertFeedDeps,
): Observable<Alert> {
  const seen = new Seen();
  for (const alert of known) seen.isNews(alert);
  let first = true;
  const open = (): Observable<Alert> => {
    const request = WatchAlertsRequest.fromPartial({ device, withOpen: withOpen || !first });
    first = false;
    return deps.api.stream(AlertServiceService.watchAlerts, request).pipe(
      map(({ alert }) => alert),
      filter((alert) => alert !== undefined),
    );
  };
  return reconnecting(open, () => true, deps, true).pipe(filter((alert) => seen.isNews(alert)));
}

/** The newest versions of alerts that were shown. */
class Seen {
  private readonly etags = new Map<string, string>();

  isNews({ id, etag }: Alert): boolean {
    const before = this.etags.get(id);
    if (before !== undefined && before === etag) return false;
    this.etags.delete(id);
    this.etags.set(id, etag);
    const oldest = this.etags.keys().next();
    if (this.etags.size > MOST_REMEMBERED && !oldest.done) this.etags.delete(oldest.value);
    return true;
  }
}
