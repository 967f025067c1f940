import type { Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import {
  GetCurrentOperatorRequest,
  GetCurrentOperatorResponse,
  OperatorServiceService,
  roleToJSON,
} from '../../shared/gen/cordon/v1/operator_service.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { fetchCaCertificate } from '../../shared/tls/fetch-ca.js';
import { parseFingerprint } from '../../shared/tls/fingerprint.js';
import { toPem } from '../../shared/tls/pem.js';
import { connectApi } from '../client.js';
import { CliError, ExitCode } from '../exit.js';
import type { CliIo } from '../io.js';
import { configPath, writeConfigFile } from '../session/config-file.js';
import { formatServerAddress, type ServerAddress } from '../session/server-address.js';
import type { GlobalFlags, RunState } from '../session/session.js';
import { readCaFile, requireAddress, requireToken } from '../session/settings.js';
import { word } from '../view/device-rows.js';
import { Printer } from '../view/printer.js';

const HANDSHAKE_MS = 10_000;

interface LoginFlags extends GlobalFlags {
  readonly caFingerprint?: string;
}

/** `cordon login` */
export function addLoginCommand(program: Command, state: RunState): void {
  program
    .command('login')
    .description('check a token and keep it, together with the CA of the server')
    .option('--ca-fingerprint <sha256>', 'fingerprint of the CA, as the server prints it at its first start')
    .addHelpText(
      'after',
      '\n--server and --token are needed, and one of --ca-fingerprint and --ca. "--token -" reads the token from standard input,\nwhich keeps it out of the process list and of the history of the shell.',
    )
    .action((_: unknown, command: Command) => login(state, command.optsWithGlobals<LoginFlags>()));
}

async function login(state: RunState, flags: LoginFlags): Promise<void> {
  const { io } = state;
  const server = flags.server ?? io.env.CORDON_SERVER;
  if (!server) throw missing('--server', 'give the address of the management port, HOST:7444');
  const address = requireAddress(server, flags.server === undefined ? 'CORDON_SERVER' : '--server');
  state.server = formatServerAddress(address);
  const token = await readToken(io, flags.token);
  const caPem = await findCa(io, flags, address);

  const api = connectApi({ address, token, caPem }, { clock: io.clock, random: io.random });
  let operator: GetCurrentOperatorResponse;
  try {
    const request = GetCurrentOperatorRequest.fromPartial({});
    operator = await api.unary(OperatorServiceService.getCurrentOperator, request);
  } finally {
    api.close();
  }
  const path = configPath(io.env);
  writeConfigFile(path, { server: formatServerAddress(address), token, ca: caPem });
  new Printer(flags.output, io.stdout, io.env).print(
    () => ({ kind: 'text', text: loggedInText(operator, formatServerAddress(address), path) }),
    () => toProtoJson('GetCurrentOperatorResponse', GetCurrentOperatorResponse, operator),
  );
}

async function readToken(io: CliIo, flag: string | undefined): Promise<string> {
  const given = flag === '-' ? await io.readStdin() : (flag ?? io.env.CORDON_TOKEN);
  if (!given) throw missing('--token', 'give the token, or "--token -" to read it from standard input');
  return requireToken(given);
}

async function findCa(io: CliIo, flags: LoginFlags, address: ServerAddress): Promise<string> {
  const path = flags.ca ?? io.env.CORDON_CA;
  if (flags.caFingerprint === undefined) {
    if (path) return readCaFile(path);
    throw missing(
      '--ca-fingerprint',
      'give the fingerprint that the server printed at its first start, or its certificate with --ca FILE',
    );
  }
  if (flags.ca) {
    throw new CliError(
      ExitCode.USAGE,
      '--ca and --ca-fingerprint exclude each other',
      'give the one that you have',
    );
  }
  const pinned = parseFingerprint(flags.caFingerprint);
  if (!pinned) {
    throw new CliError(
      ExitCode.USAGE,
      '--ca-fingerprint: this is not a SHA-256 fingerprint',
      'give 64 hex digits, as the server printed them',
    );
  }
  try {
    return toPem('CERTIFICATE', await fetchCaCertificate(address.host, address.port, pinned, HANDSHAKE_MS));
  } catch (error) {
    throw explainFetch(error as NodeJS.ErrnoException, formatServerAddress(address));
  }
}

function explainFetch(error: NodeJS.ErrnoException, server: string): CliError {
  if (error.message.includes('pinned CA')) {
    return new CliError(
      ExitCode.REFUSED,
      error.message,
      'compare --ca-fingerprint with what the server printed: another computer may answer in its place',
    );
  }
  return new CliError(
    ExitCode.UNREACHABLE,
    `cannot reach ${server} (${error.code ?? error.message})`,
    'check the address (that of the management port, 7444 by default) and that the server runs',
  );
}

function missing(flag: string, next: string): CliError {
  return new CliError(ExitCode.USAGE, `${flag} is missing`, next);
}

function loggedInText(
  { apiToken, serverVersion }: GetCurrentOperatorResponse,
  server: string,
  path: string,
): string {
  const name = printable(apiToken?.operatorName ?? '');
  const role = apiToken ? word(roleToJSON(apiToken.role), 'ROLE_') : 'unknown role';
  return `logged in to ${server} (Cordon ${printable(serverVersion)}) as ${name}, ${role}; kept in ${path}\n`;
}
