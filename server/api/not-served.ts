import { status } from '@grpc/grpc-js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type { Query } from './rpc.js';

/** A call that is in the contract and not served yet: docs/known-limits.md says which. It changes nothing. */
export const notServed: Query<unknown, never> = {
  kind: 'query',
  role: Role.ROLE_VIEWER,
  run: () =>
    Promise.reject(
      new CordonError(
        status.UNIMPLEMENTED,
        ErrorReason.ERROR_REASON_UNSPECIFIED,
        'this call is in the contract and not served yet by this version of the server',
      ),
    ),
};
