import { compilePlan, type Plan } from '../../../agent/enforce/plan.js';
import type { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../../shared/gen/cordon/v1/isolation.js';
import type { Site } from '../site/index.js';

/** The server of a plan listens here. */
export const SERVER_PORT = 7443;

export interface PlanOptions {
  /** Addresses of host names. */
  readonly hosts?: ReadonlyMap<string, string[]>;
  /** Time to the kernel's own release; absent: never. */
  readonly expiresInMs?: number;
}

/** An isolation from everything but the server of the site. @param exclusions with the fields that matter to a test */
export function planFor(
  site: Site,
  exclusions: readonly Partial<Exclusion>[] = [],
  { hosts = new Map(), expiresInMs }: PlanOptions = {},
): Plan {
  const named = exclusions.map((exclusion, index) => ({ name: `rule ${index}`, ...exclusion }));
  return compilePlan({
    isolationId: 'test',
    settings: IsolationSettings.fromPartial({ exclusions: named }),
    serverEndpoints: [site.server.v4, site.server.v6].map((address) => ({ address, port: SERVER_PORT })),
    resolvedHosts: hosts,
    expiresInMs,
  });
}
