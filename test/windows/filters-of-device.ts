import { win32 } from 'node:path';
import { canonical } from '../../agent/enforce/wfp/canonical.js';
import { filtersOf } from '../../agent/enforce/wfp/filters.js';
import { PROVIDER } from '../../agent/enforce/wfp/own-objects.js';
import { grantsOf } from '../../agent/windows/security-descriptor.js';
import { OWN_LAYERS, WEIGHT_CLASS, type AgentIdentity } from '../../agent/enforce/wfp/system-filters.js';
import type { Filter, Value } from '../../agent/enforce/wfp/types.js';
import { compilePlan, type Endpoint, type Plan } from '../../agent/enforce/plan.js';
import type { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { asFilter, type BfeDump } from './bfe-double/dump.js';

/** What the double holds of Cordon's. */
export function heldIn(dump: BfeDump): Filter[] {
  return dump.filters.filter(({ provider }) => provider === PROVIDER.key).map(asFilter);
}

/** Comparable whatever the order: what each filter does, with its key. */
export function comparable(filters: readonly Filter[]): string[] {
  return filters.map((filter) => `${filter.key}\n${filter.name}\n${canonical(filter)}`).sort();
}

/** Filters that settings must come to on this device, worked out here on Linux. */
export function expectedFilters(
  isolationId: string,
  exclusions: readonly Exclusion[],
  serverEndpoints: readonly Endpoint[],
  agent: AgentIdentity,
): readonly Filter[] {
  const plan = planWith(isolationId, exclusions, serverEndpoints);
  return filtersOf(plan, { agent, appIds: new Map() }).filters;
}

/** The plan that settings come to. */
export function planWith(
  isolationId: string,
  exclusions: readonly Exclusion[],
  serverEndpoints: readonly Endpoint[],
): Plan {
  return compilePlan({
    isolationId,
    settings: IsolationSettings.fromPartial({ exclusions: [...exclusions] }),
    serverEndpoints,
    resolvedHosts: new Map(),
    expiresInMs: undefined,
  });
}

/**
 * Who the agent is, as its own channel says. Only the device knows the volume and the user.
 * @throws Error where that is no filter for one Node for one account
 */
export function agentIn(filters: readonly Filter[]): AgentIdentity {
  const own = filters.find(
    ({ weight }) => weight.kind === 'class' && weight.value === WEIGHT_CLASS.ownChannel,
  );
  const valueOf = (field: string): Value | undefined =>
    own?.conditions.find((condition) => condition.field === field)?.value;
  const [program, account] = [valueOf('ALE_APP_ID'), valueOf('ALE_USER_ID')];
  if (program?.type !== 'byte-blob' || account?.type !== 'security-descriptor') {
    throw new Error('the own channel is not bound to a program and an account');
  }
  const path = program.value.toString('utf16le');
  const [grant, ...others] = grantsOf(account.value) ?? [];
  if (win32.basename(path) !== 'node.exe\0' || !grant || others.length > 0) {
    throw new Error(`the own channel is open to ${path} and ${others.length + 1} accounts`);
  }
  return { appId: program.value, sid: grant.sid };
}

/** Whether everything is blocked that no other filter permits, while BFE runs and before it does. */
export function isClosed(filters: readonly Filter[]): boolean {
  return OWN_LAYERS.every((layer) =>
    (['persistent', 'boot-time'] as const).every((lifetime) =>
      filters.some(
        (filter) =>
          filter.layer === layer &&
          filter.lifetime === lifetime &&
          filter.action === 'block' &&
          filter.hard &&
          filter.conditions.length === 0,
      ),
    ),
  );
}
