import { status } from '@grpc/grpc-js';
import { CordonError } from '../../shared/errors.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type {
  DeleteQuarantinedResponse,
  ListQuarantineResponse,
  RestoreQuarantinedResponse,
} from '../../shared/gen/cordon/v1/local_service.js';
import type { Logger } from '../../shared/log.js';
import { QuarantineError } from '../detect/quarantine/error.js';
import type { Quarantine } from '../detect/quarantine/quarantine.js';
import { toQuarantinedFile } from '../detect/quarantine/record.js';

export type LocalQuarantine = Pick<Quarantine, 'list' | 'restore' | 'remove'>;

/** Newest first; no more fit into quarantine than may be listed. */
export function listQuarantine(quarantine: LocalQuarantine): ListQuarantineResponse {
  return { files: quarantine.list().map(toQuarantinedFile) };
}

/** @throws CordonError NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION */
export async function restoreQuarantined(
  id: string,
  caller: string,
  quarantine: LocalQuarantine,
  log: Logger,
): Promise<RestoreQuarantinedResponse> {
  const record = await quarantine.restore(id).catch(toCordonError);
  log.warn({ id, path: record.path, caller }, 'a file was put back from quarantine at the device');
  return { file: toQuarantinedFile(record) };
}

/** @throws CordonError NOT_FOUND */
export async function deleteQuarantined(
  id: string,
  caller: string,
  quarantine: LocalQuarantine,
  log: Logger,
): Promise<DeleteQuarantinedResponse> {
  await quarantine.remove(id).catch(toCordonError);
  log.warn({ id, caller }, 'a file in quarantine was destroyed at the device');
  return {};
}

function toCordonError(error: unknown): never {
  if (!(error instanceof QuarantineError)) throw error;
  const { message } = error;
  switch (error.kind) {
    case 'absent':
      throw new CordonError(status.NOT_FOUND, ErrorReason.ERROR_REASON_NOT_FOUND, message);
    case 'in-the-way':
      throw new CordonError(status.ALREADY_EXISTS, ErrorReason.ERROR_REASON_ALREADY_EXISTS, message);
    case 'refused':
    case 'failed':
      throw new CordonError(status.FAILED_PRECONDITION, ErrorReason.ERROR_REASON_IN_USE, message);
  }
}
