import { invalid } from '../../shared/errors.js';
import { withTrueSources } from '../../shared/exclusions/from-profile.js';
import { hintsOf } from '../../shared/exclusions/hints.js';
import { violationsOf } from '../../shared/exclusions/validate.js';
import type { Exclusion, ExclusionHint } from '../../shared/gen/cordon/v1/exclusion.js';
import type { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { inTurns } from '../../shared/turns.js';
import { defaultSettings } from '../desired/settings.js';
import { requireKnownHosts, type KnownHostsDeps } from './known-hosts.js';

/** A list of exclusions as it is stored. */
export interface CheckedExclusions {
  readonly exclusions: Exclusion[];
  readonly hints: ExclusionHint[];
}

/**
 * Everything about the exclusions of a request that needs no store: 10,000 take a while, and no transaction and no agent
 * waits for it.
 * @param settings absent: the defaults
 * @param path field path of the settings, for example `policy.settings`
 * @param allowUnresolvedHosts host names that the server cannot resolve are no mistake
 * @throws CordonError INVALID_FIELD
 */
export async function checkExclusions(
  deps: KnownHostsDeps,
  settings: IsolationSettings | undefined,
  path: string,
  allowUnresolvedHosts: boolean,
): Promise<CheckedExclusions> {
  const { exclusions } = settings ?? defaultSettings();
  const list = `${path}.exclusions`;
  const violations = await inTurns(violationsOf(exclusions, list));
  if (violations.length > 0) throw invalid(violations);
  if (!allowUnresolvedHosts) await requireKnownHosts(deps, exclusions, list);
  const hints = await inTurns(hintsOf(exclusions));
  // A copied rule that was edited is a custom one, whatever the client says of it.
  return { exclusions: withTrueSources(exclusions), hints };
}
