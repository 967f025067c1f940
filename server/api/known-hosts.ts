import type { Clock } from '../../shared/clock.js';
import { invalid, type Violation } from '../../shared/errors.js';
import type { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';

/** Looks host names up. */
export interface HostResolver {
  /** Whether a name has an address. Rejects only when aborted; what cannot be looked up is not known. */
  isKnown(name: string, signal: AbortSignal): Promise<boolean>;
}

/** How long one request may look names up, in sum, milliseconds. */
const LOOK_UP_MS = 3_000;
/** Names that are looked up at a time. */
const AT_A_TIME = 32;

export interface KnownHostsDeps {
  readonly hosts: HostResolver;
  readonly clock: Clock;
}

/**
 * Refuses exclusions with host names that the server cannot resolve: a typing error would otherwise show on the day of the
 * isolation, when nothing passes.
 * @param exclusions a list that passed `validateExclusions`
 * @param path field path of the list, for example `policy.settings.exclusions`
 * @throws CordonError INVALID_FIELD
 */
export async function requireKnownHosts(
  { hosts, clock }: KnownHostsDeps,
  exclusions: readonly Exclusion[],
  path: string,
): Promise<void> {
  const names = [...new Set(exclusions.map(({ remoteHost }) => remoteHost).filter((name) => name !== ''))];
  if (names.length === 0) return;
  const outcome = await lookUp(hosts, clock, names);
  const violations = exclusions.flatMap(({ remoteHost }, index): Violation[] => {
    const problem = remoteHost === '' ? undefined : problemOf(outcome.get(remoteHost), remoteHost);
    return problem === undefined ? [] : [{ field: `${path}[${index}].remote_host`, description: problem }];
  });
  if (violations.length > 0) throw invalid(violations);
}

const REMEDY = 'pass allow_unresolved_hosts (--allow-unresolved-hosts) to store it anyway';

function problemOf(known: boolean | undefined, name: string): string | undefined {
  switch (known) {
    case true:
      return undefined;
    case false:
      return `${name} is not known to the server's resolver; ${REMEDY}`;
    case undefined:
      return `${name} was not resolved within ${LOOK_UP_MS / 1000} s; ${REMEDY}`;
  }
}

/** What was found out before the time was over. */
async function lookUp(
  hosts: HostResolver,
  clock: Clock,
  names: readonly string[],
): Promise<ReadonlyMap<string, boolean>> {
  const outcome = new Map<string, boolean>();
  const over = new AbortController();
  const waiting = names.values();
  const worker = async (): Promise<void> => {
    for (const name of waiting) {
      if (over.signal.aborted) return;
      const known = await hosts.isKnown(name, over.signal);
      if (!over.signal.aborted) outcome.set(name, known);
    }
  };
  let cancel = (): void => undefined;
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(LOOK_UP_MS, resolve);
  });
  const all = Promise.all(Array.from({ length: AT_A_TIME }, worker)).catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  try {
    await Promise.race([all, limit]);
  } finally {
    cancel();
    over.abort();
  }
  return outcome;
}
