import { closeSync, openSync, readSync } from 'node:fs';
import { ConfigError } from '../../shared/config/load.js';
import { isServiceError, readServiceError } from '../../shared/errors.js';
import { LocalServiceService } from '../../shared/gen/cordon/v1/local_service.js';
import { callAgent } from '../local/client.js';
import { LocalSocketError } from '../local/listener.js';
import { callProblem } from './isolation.js';
import { readSettings, type Flags } from './options.js';

/** One byte more than the agent takes. */
const MOST_BYTES = 64 * 1024 + 1;

/** What a tool is called that does not say its name. The policy has to list it like any other. */
const UNNAMED_TOOL = 'local';

/** Tells the agent what another security tool has found; it isolates where the policy trusts that tool. */
export async function reportDetection(flags: Flags): Promise<void> {
  const { source = UNNAMED_TOOL, rule, details, ...others } = flags;
  const path = readSettings(others).control_socket;
  if (typeof source !== 'string') throw new ConfigError('--source: must be the name of the tool');
  if (typeof rule !== 'string') throw new ConfigError('--rule: missing; give the rule that matched');
  const detailsJson = typeof details === 'string' ? readDetails(details) : '';
  const request = { source, ruleId: rule, detailsJson };
  try {
    const { isolationId } = await callAgent(path, LocalServiceService.reportDetection, request);
    console.log(isolationId === '' ? 'recorded; it started no isolation' : `isolated: ${isolationId}`);
  } catch (error) {
    if (!isServiceError(error)) throw error;
    const { code, message, retryAfterMs } = readServiceError(error);
    throw new LocalSocketError(callProblem(code, message, retryAfterMs));
  }
}

/** @param place a file; `-` is standard input */
function readDetails(place: string): string {
  const file = place === '-' ? 0 : openSync(place, 'r');
  const buffer = Buffer.alloc(MOST_BYTES);
  let length = 0;
  try {
    for (let read = -1; read !== 0 && length < MOST_BYTES; length += read) {
      read = readSync(file, buffer, length, MOST_BYTES - length, null);
    }
  } finally {
    if (file !== 0) closeSync(file);
  }
  return buffer.subarray(0, length).toString('utf8');
}
