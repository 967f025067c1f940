import { Policy } from '../../shared/gen/cordon/v1/policy.js';
import {
  GetPolicyRequest,
  ListPoliciesRequest,
  PolicyServiceService,
} from '../../shared/gen/cordon/v1/policy_service.js';
import type { Api } from '../client.js';
import { readPages } from '../pages.js';

/** A policy can hold ten thousand rules: fewer of them fit an answer. */
const POLICIES_A_PAGE = 20;

/** @param policy name or id */
export async function readPolicy(api: Api, policy: string): Promise<Policy> {
  const request = GetPolicyRequest.fromPartial({ id: policy });
  return (await api.unary(PolicyServiceService.getPolicy, request)).policy ?? Policy.fromPartial({});
}

/** Every policy, by name. */
export function readPolicies(api: Api): Promise<Policy[]> {
  return readPages(async (pageToken) => {
    const request = ListPoliciesRequest.fromPartial({ pageToken, pageSize: POLICIES_A_PAGE });
    const { policies, nextPageToken } = await api.unary(PolicyServiceService.listPolicies, request);
    return { items: policies, nextPageToken };
  });
}
