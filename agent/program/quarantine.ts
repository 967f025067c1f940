import { escapedJson } from '../../shared/command-line/escaped-controls.js';
import { printable } from '../../shared/command-line/printable.js';
import { ConfigError } from '../../shared/config/load.js';
import { isServiceError, readServiceError } from '../../shared/errors.js';
import { ListQuarantineResponse, LocalServiceService } from '../../shared/gen/cordon/v1/local_service.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { fromTimestamp } from '../../shared/time.js';
import { callAgent, type Method } from '../local/client.js';
import { LocalSocketError } from '../local/listener.js';
import { callProblem } from './isolation.js';
import { readSettings, type Flags } from './options.js';

/** A file of 100 MiB is checked, copied and written. */
const RESTORE_WITHIN_MS = 120_000;

/** Prints what is in the quarantine of this computer, newest first. */
export async function listQuarantine(flags: Flags): Promise<void> {
  const { json, ...others } = flags;
  const response = await call(others, LocalServiceService.listQuarantine, {});
  if (json === true) {
    const content = toProtoJson('ListQuarantineResponse', ListQuarantineResponse, response);
    console.log(escapedJson(JSON.stringify(content, null, 2)));
    return;
  }
  if (response.files.length === 0) console.log('nothing is in quarantine');
  for (const { id, path, sizeBytes, sha256, quarantinedAt, reason } of response.files) {
    const at = quarantinedAt ? new Date(fromTimestamp(quarantinedAt)).toISOString() : '';
    const hash = sha256.toString('hex');
    // Names of files come from whoever made them.
    for (const line of [
      `${id}  ${at}  ${sizeBytes} bytes`,
      `  path    ${path}`,
      `  sha256  ${hash}`,
      `  reason  ${reason}`,
    ]) {
      console.log(printable(line));
    }
  }
}

/** Puts a file back where it was. */
export async function restoreQuarantined(id: string, flags: Flags): Promise<void> {
  const { file } = await call(flags, LocalServiceService.restoreQuarantined, { id }, RESTORE_WITHIN_MS);
  console.log(printable(`restored: ${file?.path ?? id}`));
}

/** Destroys a file in quarantine. */
export async function deleteQuarantined(id: string, flags: Flags): Promise<void> {
  const { yes, ...others } = flags;
  if (yes !== true)
    throw new ConfigError('--yes: missing; the file cannot be had back, give --yes to destroy it');
  await call(others, LocalServiceService.deleteQuarantined, { id });
  console.log('destroyed');
}

async function call<Request, Response>(
  flags: Flags,
  method: Method<Request, Response>,
  request: Request,
  deadlineMs?: number,
): Promise<Response> {
  try {
    return await callAgent(readSettings(flags).control_socket, method, request, deadlineMs);
  } catch (error) {
    if (!isServiceError(error)) throw error;
    const { code, message, retryAfterMs } = readServiceError(error);
    throw new LocalSocketError(callProblem(code, message, retryAfterMs));
  }
}
