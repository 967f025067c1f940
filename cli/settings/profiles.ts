import type { ExclusionProfile } from '../../shared/gen/cordon/v1/exclusion.js';
import {
  ListExclusionProfilesRequest,
  PolicyServiceService,
} from '../../shared/gen/cordon/v1/policy_service.js';
import type { Api } from '../client.js';

/** Every standard profile that the server knows, in its newest version. */
export async function readProfiles(api: Api): Promise<ExclusionProfile[]> {
  const request = ListExclusionProfilesRequest.fromPartial({});
  return (await api.unary(PolicyServiceService.listExclusionProfiles, request)).exclusionProfiles;
}
