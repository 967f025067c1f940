import { Alert, type AlertState } from '../../shared/gen/cordon/v1/alert.js';
import {
  AlertServiceService,
  GetAlertRequest,
  ListAlertsRequest,
} from '../../shared/gen/cordon/v1/alert_service.js';
import { isId } from '../../shared/ids.js';
import type { Api } from '../client.js';
import { CliError, ExitCode } from '../exit.js';
import { readPages } from '../pages.js';
import { time } from '../view/device-rows.js';

/** Ids sort by time: those of one minute begin alike, and only their ends tell them apart. */
const SHORT_LENGTH = 8;

/** Fewer digits than this fit too many. */
const FEWEST_DIGITS = 4;

/** Part of an id is looked for among this many of the newest alerts. */
const NEWEST = 2000;

/** Alerts hold what matched: fewer than elsewhere fit an answer. */
const ALERTS_A_PAGE = 100;

/** Candidates that an error names. */
const MOST_CANDIDATES = 5;

/** What a list is limited to. */
export interface AlertFilter {
  readonly device?: string;
  readonly state?: AlertState;
  readonly source?: string;
  readonly taskId?: string;
}

/** End of an alert's id, which is enough to name it. */
export function shortId(id: string): string {
  return id.slice(-SHORT_LENGTH);
}

/** Alerts, newest first. */
export function readAlerts(api: Api, filter: AlertFilter, limit: number): Promise<Alert[]> {
  return readPages(async (pageToken, pageSize) => {
    const request = ListAlertsRequest.fromPartial({
      ...filter,
      pageToken,
      pageSize: Math.min(pageSize, ALERTS_A_PAGE),
    });
    const page = await api.unary(AlertServiceService.listAlerts, request);
    return { items: page.alerts, nextPageToken: page.nextPageToken };
  }, limit);
}

/**
 * Finds an alert by its id, or by at least 4 digits from the beginning or the end of it.
 * @throws CliError when there is none, or more than one
 */
export async function findAlert(api: Api, name: string): Promise<Alert> {
  const id = name.toLowerCase();
  if (isId(id)) return getAlert(api, id);
  if (!/^[0-9a-f-]+$/.test(id) || id.length < FEWEST_DIGITS) {
    throw new CliError(
      ExitCode.USAGE,
      `"${name}" is no id of an alert`,
      `give the id as "cordon alerts list" shows it, or at least ${FEWEST_DIGITS} digits from its end`,
    );
  }
  const alert = pickAlert(await readAlerts(api, {}, NEWEST), id, name);
  // The list may leave out what is long.
  return getAlert(api, alert.id);
}

async function getAlert(api: Api, id: string): Promise<Alert> {
  const { alert } = await api.unary(AlertServiceService.getAlert, GetAlertRequest.fromPartial({ id }));
  return alert ?? Alert.fromPartial({ id });
}

function pickAlert(alerts: readonly Alert[], part: string, name: string): Alert {
  const found = alerts.filter(({ id }) => id.endsWith(part) || id.startsWith(part));
  if (found[0] && found.length === 1) return found[0];
  if (found.length === 0) {
    throw new CliError(
      ExitCode.REFUSED,
      `none of the newest ${NEWEST} alerts has an id that begins or ends with "${name}"`,
      '"cordon alerts list --all" shows them; an older one is named by its whole id, which -o json shows',
    );
  }
  const candidates = found
    .slice(0, MOST_CANDIDATES)
    .map((alert) => `${alert.id} (${alert.deviceName || alert.deviceId}, ${time(alert.occurredAt)})`);
  const more = found.length - candidates.length;
  throw new CliError(
    ExitCode.REFUSED,
    `"${name}" fits ${found.length} alerts: ${candidates.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
    'give more digits of the one that you mean',
  );
}
