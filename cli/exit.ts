/** Exit codes of `cordon`; the end of `cordon --help` shows them. */
export const ExitCode = {
  /** Done; with --wait: every device reported what was asked for. */
  DONE: 0,
  /** The server refused, or a device failed. */
  REFUSED: 1,
  /** A flag or an argument is missing or wrong. */
  USAGE: 2,
  /** --wait ended before every device had reported. */
  PENDING: 3,
  /** The server cannot be reached or does not know the caller. */
  UNREACHABLE: 4,
  /** A scan that was waited for found an indicator of compromise. */
  FOUND: 5,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export const EXIT_CODE_HELP = `
Exit codes:
  0  done
  1  failed or refused
  2  wrong usage: a flag or an argument is missing or wrong
  3  --wait ended before all devices had reported; the order stays in force, a scan goes on
  4  server unreachable, or not logged in
  5  "scan run --wait": an indicator of compromise was found

Environment:
  CORDON_SERVER, CORDON_TOKEN, CORDON_CA  as the flags --server, --token, --ca
  CORDON_CONFIG                           path of the configuration file
  NO_COLOR                                no colours`;

/** An end that a person can act on: what is wrong, and what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  constructor(
    readonly exitCode: ExitCode,
    message: string,
    readonly next: string,
  ) {
    super(message);
  }
}
