import type { Selectable } from 'kysely';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';
import { Policy } from '../../shared/gen/cordon/v1/policy.js';
import type { PoliciesTable } from '../store/schema.js';
import type { PolicyContent } from './merge.js';

export type PolicyRow = Selectable<PoliciesTable>;

/** What is stored of a policy beside its id, name and group. */
export function encodePolicy(content: PolicyContent): Buffer {
  return Buffer.from(Policy.encode(Policy.fromPartial(content)).finish());
}

export function decodePolicy({ policy_proto: proto }: Pick<PolicyRow, 'policy_proto'>): PolicyContent {
  const { automaticIsolation, settings, trustedDetectors, localRelease } = Policy.decode(proto);
  return {
    automaticIsolation,
    settings: settings ?? IsolationSettings.fromPartial({}),
    trustedDetectors,
    localRelease,
  };
}
