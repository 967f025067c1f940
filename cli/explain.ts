import { status, type ServiceError } from '@grpc/grpc-js';
import { printable } from '../shared/command-line/printable.js';
import { isServiceError, readServiceError, type Violation } from '../shared/errors.js';
import { formatDuration } from '../shared/time.js';
import { CliError, ExitCode } from './exit.js';

/** Says what went wrong in one line, and what to do next. The only place where an error becomes text for a person. */
export function explain(error: unknown, server: string | undefined): CliError {
  if (error instanceof CliError) return error;
  if (isServiceError(error)) return explainCall(error, server ?? 'the server');
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(
    ExitCode.REFUSED,
    `unexpected error: ${message}`,
    'please report it with the command that you typed',
  );
}

/** `cordon: MESSAGE; NEXT`, without line breaks or control characters. */
export function errorLine(error: CliError): string {
  return `cordon: ${printable(error.message)}; ${printable(error.next)}\n`;
}

function explainCall(error: ServiceError, server: string): CliError {
  const { code, message, reason, retryAfterMs, violations } = readServiceError(error);
  switch (code) {
    case status.UNAVAILABLE:
      return explainUnavailable(message, reason, server);
    case status.DEADLINE_EXCEEDED:
      return new CliError(
        ExitCode.UNREACHABLE,
        `${server} did not answer in time`,
        'check that the server runs and try again: a repeated order does no harm',
      );
    case status.UNAUTHENTICATED:
      return new CliError(
        ExitCode.UNREACHABLE,
        `${server} refused the token: ${message}`,
        'log in again with "cordon login", or ask an administrator for a token',
      );
    case status.PERMISSION_DENIED:
      return new CliError(
        ExitCode.REFUSED,
        message,
        'ask an administrator for a token with a higher role ("cordon token create")',
      );
    case status.INVALID_ARGUMENT:
      return new CliError(
        ExitCode.USAGE,
        violations.length > 1 ? violationsText(violations) : message,
        violations.some(({ field }) => field === 'expected_devices')
          ? 'devices came or went since they were counted: nothing was ordered; repeat the command'
          : 'correct the value and try again',
      );
    case status.ABORTED:
      return new CliError(
        ExitCode.REFUSED,
        message,
        'somebody changed it meanwhile: look at it as it is now, and repeat what still applies',
      );
    case status.ALREADY_EXISTS:
      return new CliError(
        ExitCode.REFUSED,
        message,
        reason === 'ALREADY_EXISTS' ? 'take another name, or change the one that is there' : 'try again',
      );
    case status.NOT_FOUND:
      return new CliError(
        ExitCode.REFUSED,
        message,
        reason === 'DEVICE_NOT_FOUND'
          ? '"cordon devices list" shows the names'
          : 'the matching "list" command shows what there is',
      );
    case status.RESOURCE_EXHAUSTED:
      return new CliError(
        ExitCode.REFUSED,
        message,
        `try again ${retryAfterMs === undefined ? 'later' : `in ${formatDuration(retryAfterMs)}`}`,
      );
    case status.UNIMPLEMENTED:
      return new CliError(
        ExitCode.REFUSED,
        `${server} does not serve this call: ${message}`,
        'use a "cordon" of the same version as the server',
      );
    case status.FAILED_PRECONDITION:
      return new CliError(ExitCode.REFUSED, message, preconditionAdvice(reason));
    case status.INTERNAL:
    case status.UNKNOWN:
      return new CliError(ExitCode.REFUSED, `${server}: ${message}`, 'look into the log of the server');
    default:
      return new CliError(ExitCode.REFUSED, message, 'try again, then look into the log of the server');
  }
}

/** Violations that one line names; the rest is counted. */
const MOST_VIOLATIONS = 5;

function violationsText(violations: readonly Violation[]): string {
  const shown = violations
    .slice(0, MOST_VIOLATIONS)
    .map(({ field, description }) => `${field}: ${description}`);
  const more = violations.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

function preconditionAdvice(reason: string): string {
  switch (reason) {
    case 'DEVICE_ISOLATED':
      return 'release the device first, or repeat with --force';
    case 'IN_USE':
      return 'move or remove what it holds first; "cordon group tree" and "cordon devices list --group" show it';
    default:
      return '"cordon devices show" tells the state';
  }
}

function explainUnavailable(message: string, reason: string, server: string): CliError {
  if (reason === 'DRAINING') {
    return new CliError(ExitCode.UNREACHABLE, `${server} is about to stop`, 'try again in a moment');
  }
  if (/certificate|altnames|self.signed/i.test(message)) {
    return new CliError(
      ExitCode.UNREACHABLE,
      `the certificate of ${server} is not from the CA that this computer trusts`,
      'check the address; if the server was set up anew, run "cordon login" with its new fingerprint',
    );
  }
  const cause = /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET)\b/.exec(
    message,
  );
  return new CliError(
    ExitCode.UNREACHABLE,
    `cannot reach ${server}${cause?.[1] ? ` (${cause[1]})` : ''}`,
    'check the address (that of the management port, 7444 by default) and that the server runs',
  );
}
