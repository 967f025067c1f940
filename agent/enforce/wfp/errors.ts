import { WIN32_CODES, WFP_CODES } from './error-codes.js';

export interface ErrorMeaning {
  /** By its name in winerror.h. */
  readonly name: string;
  /** One sentence: what it means here and what to do. */
  readonly advice: string;
}

const MEANINGS: ReadonlyMap<number, ErrorMeaning> = new Map(
  [...WFP_CODES, ...WIN32_CODES].map(([code, name, advice]) => [code, { name, advice }]),
);

const CODES: ReadonlyMap<string, number> = new Map([...MEANINGS].map(([code, { name }]) => [name, code]));

/** Undefined for a code that the binding has no name for. */
export function meaningOf(code: number): ErrorMeaning | undefined {
  return MEANINGS.get(code >>> 0);
}

/**
 * @param name of an error in winerror.h, for example FWP_E_TIMEOUT
 * @throws RangeError where the binding does not know it
 */
export function codeOf(name: string): number {
  const code = CODES.get(name);
  if (code === undefined) throw new RangeError(`No error of that name is known: ${name}`);
  return code;
}

export interface ErrorContext {
  /** What the call was about, for example: filter "Loopback, outbound, IPv4". */
  readonly object?: string;
  /** What else is known, a sentence without its full stop. */
  readonly detail?: string;
}

/** A call to the Windows Filtering Platform failed. The message says which one, on what, why, and what to do. */
export class WfpError extends Error {
  override readonly name = 'WfpError';
  /** Unsigned, whatever sign it was returned with. */
  readonly code: number;
  /** Name in winerror.h, or the number where it has none here. */
  readonly errorName: string;

  constructor(
    /** Function that failed. */
    readonly call: string,
    code: number,
    context: ErrorContext = {},
  ) {
    const unsigned = code >>> 0;
    const meaning = meaningOf(unsigned);
    const number = numberOf(unsigned);
    const about = context.object === undefined ? '' : ` on ${context.object}`;
    const what = meaning === undefined ? `error ${number}` : `${meaning.name} (${number})`;
    const sentences = [context.detail, meaning?.advice ?? 'Look the number up in winerror.h'];
    super(`${call}${about}: ${what}: ${sentences.filter((text) => text !== undefined).join('. ')}`);
    this.code = unsigned;
    this.errorName = meaning?.name ?? number;
  }

  /** Whether it is the error of that name in winerror.h. */
  is(name: string): boolean {
    return this.code === codeOf(name);
  }
}

const UNAVAILABLE = new Set(
  [
    'RPC_S_SERVER_UNAVAILABLE',
    'EPT_S_NOT_REGISTERED',
    'RPC_S_CALL_FAILED',
    'RPC_S_CALL_FAILED_DNE',
    'RPC_S_UNKNOWN_IF',
    'RPC_S_CANNOT_SUPPORT',
    'ERROR_SERVICE_NOT_ACTIVE',
    'ERROR_SHUTDOWN_IN_PROGRESS',
  ].map(codeOf),
);

/** The Base Filtering Engine does not run or does not answer: nothing of ours but boot-time filters is in force. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof WfpError && UNAVAILABLE.has(error.code);
}

/** The session is gone, whatever the reason: only another `openEngine` helps. */
export function isSessionLost(error: unknown): boolean {
  if (!(error instanceof WfpError)) return false;
  return isUnavailable(error) || error.is('FWP_E_SESSION_ABORTED') || error.is('ERROR_INVALID_HANDLE');
}

/** Large ones are HRESULTs, known in hexadecimal; small ones are Win32's, known in decimal. */
function numberOf(code: number): string {
  return code >= 0x1_0000 ? `0x${code.toString(16).toUpperCase().padStart(8, '0')}` : String(code);
}
