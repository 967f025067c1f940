import { status } from '@grpc/grpc-js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import { Role } from '../../shared/gen/cordon/v1/operator_service.js';
import type { Caller } from './rpc.js';

/** Each role includes the ones before it. */
const RANK = new Map<Role, number>([
  [Role.ROLE_VIEWER, 1],
  [Role.ROLE_OPERATOR, 2],
  [Role.ROLE_ADMINISTRATOR, 3],
]);

/** Roles by the word that people use. */
const WORD = new Map<Role, string>([
  [Role.ROLE_VIEWER, 'viewer'],
  [Role.ROLE_OPERATOR, 'operator'],
  [Role.ROLE_ADMINISTRATOR, 'administrator'],
]);

/** Whether `role` is one that an rpc can ask for and a token can have. */
export function isRole(role: Role): boolean {
  return RANK.has(role);
}

/** @throws CordonError ROLE_TOO_LOW; a role that is not known is lower than every other */
export function authorize(caller: Caller, lowest: Role): void {
  const needed = RANK.get(lowest) ?? Number.POSITIVE_INFINITY;
  if ((RANK.get(caller.role) ?? 0) >= needed) return;
  throw new CordonError(
    status.PERMISSION_DENIED,
    ErrorReason.ERROR_REASON_ROLE_TOO_LOW,
    `this needs the role ${WORD.get(lowest) ?? 'that nobody has'}; ${caller.operatorName} has the role ` +
      `${WORD.get(caller.role) ?? 'unknown'}`,
  );
}
