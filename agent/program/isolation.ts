import { status } from '@grpc/grpc-js';
import { escapedJson } from '../../shared/command-line/escaped-controls.js';
import { oneLine } from '../../shared/command-line/one-line.js';
import { printable } from '../../shared/command-line/printable.js';
import { isServiceError, readServiceError } from '../../shared/errors.js';
import { IsolationState } from '../../shared/gen/cordon/v1/isolation.js';
import { LocalServiceService, ShowIsolationResponse } from '../../shared/gen/cordon/v1/local_service.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { formatDuration } from '../../shared/time.js';
import { callAgent, PASSWORD_DEADLINE_MS } from '../local/client.js';
import { explain } from './errors.js';
import { IsolationExit, parseIsolation, type IsolationCall } from './isolation-arguments.js';
import { isolationHelp } from './isolation-help.js';
import { isolationText } from './isolation-text.js';
import { readSettings } from './options.js';
import { readPassword } from './read-password.js';

/** What goes in and out of the command. */
export interface IsolationIo {
  readonly print: (text: string) => void;
  readonly complain: (line: string) => void;
  readonly platform: NodeJS.Platform;
}

/** An end that is not success. */
interface Ending {
  readonly exitCode: IsolationExit;
  readonly message: string;
}

/** `cordon-agent isolation` (seed). Never throws; every failure is one line. Returns the exit code. */
export async function isolation(words: readonly string[], io: IsolationIo): Promise<IsolationExit> {
  const ending = await carryOut(parseIsolation(words), io).catch(endingOf);
  if (!ending) return IsolationExit.DONE;
  io.complain(`cordon-agent: ${printable(ending.message)}`);
  return ending.exitCode;
}

async function carryOut(call: IsolationCall, io: IsolationIo): Promise<Ending | undefined> {
  switch (call.kind) {
    case 'help':
      io.print(isolationHelp(io.platform));
      return undefined;
    case 'wrong':
      return { exitCode: call.exitCode, message: `${call.message}; run "cordon-agent isolation --help"` };
    case 'show':
    case 'disable':
  }
  if (io.platform !== 'linux' && io.platform !== 'win32') {
    const message = `this version does not run on ${io.platform}`;
    return { exitCode: IsolationExit.NOT_SUPPORTED, message };
  }
  const path = readSettings({ ...call.settings }).control_socket;
  return call.kind === 'show' ? show(path, call.json, io) : disable(path, call, io);
}

async function show(path: string, json: boolean, io: IsolationIo): Promise<undefined> {
  const shown = await callAgent(path, LocalServiceService.showIsolation, {});
  io.print(
    json
      ? escapedJson(
          JSON.stringify(toProtoJson('ShowIsolationResponse', ShowIsolationResponse, shown), null, 2),
        )
      : isolationText(shown, Date.now()).join('\n'),
  );
}

async function disable(
  path: string,
  { login, password: given }: Extract<IsolationCall, { kind: 'disable' }>,
  io: IsolationIo,
): Promise<Ending | undefined> {
  const password =
    given === '-' ? await readPassword(process.stdin, (text) => process.stderr.write(text)) : given;
  if (given === '-' && password === '') return noPassword('standard input has no password');
  try {
    const method = LocalServiceService.disableIsolation;
    const { observed } = await callAgent(path, method, { login, password }, PASSWORD_DEADLINE_MS);
    if (observed?.state === IsolationState.ISOLATION_STATE_RELEASED) {
      io.print('released');
      return undefined;
    }
    const why = observed?.degradedReason || 'its rules are still in the packet filter';
    const message = `the release is decided, but not done yet: ${why}; the agent tries again by itself`;
    return { exitCode: IsolationExit.GENERAL_ERROR, message };
  } catch (error) {
    const refused = isServiceError(error) && readServiceError(error).reason === 'PASSWORD_REFUSED';
    if (refused && password === '') return noPassword('a release at this computer needs a password');
    throw error;
  }
}

function noPassword(why: string): Ending {
  const message = `${why}; give /PWD=PASSWORD, or /PWD=- to type it, with /login=USER where it is a user's`;
  return { exitCode: IsolationExit.MISSING_ARGUMENT, message };
}

function endingOf(error: unknown): Ending {
  if (!isServiceError(error)) {
    return { exitCode: IsolationExit.GENERAL_ERROR, message: oneLine(explain(error).text) };
  }
  const { code, message, reason, retryAfterMs } = readServiceError(error);
  switch (code) {
    case status.UNIMPLEMENTED:
      return {
        exitCode: IsolationExit.NOT_SUPPORTED,
        message: 'the agent that runs does not know this call; run the same version of both',
      };
    case status.FAILED_PRECONDITION:
      return reason === 'NOT_ISOLATED'
        ? { exitCode: IsolationExit.WRONG_OPERATION, message }
        : { exitCode: IsolationExit.GENERAL_ERROR, message };
    default:
      return { exitCode: IsolationExit.GENERAL_ERROR, message: callProblem(code, message, retryAfterMs) };
  }
}

/** What went wrong with a call to the agent, and what to do, for every command that makes one. */
export function callProblem(
  code: status,
  message: string,
  retryAfterMs: number | undefined,
  platform = process.platform,
): string {
  const windows = platform === 'win32';
  switch (code) {
    case status.UNAVAILABLE:
      if (windows)
        return `the agent does not answer (${message}), or only to administrators; see "sc query CordonAgent"`;
      return process.getuid?.() === 0
        ? `the agent does not answer (${message}); see "systemctl status cordon-agent"`
        : 'the agent answers only to root; run as root';
    case status.DEADLINE_EXCEEDED:
      return 'the agent did not answer in time; see its log';
    case status.RESOURCE_EXHAUSTED:
      return `${message}; try again in ${formatDuration(Math.max(1000, retryAfterMs ?? 0))}`;
    case status.INTERNAL:
      return `${message.replace('server', 'agent')}; see ${windows ? 'its log' : '"journalctl -u cordon-agent"'}`;
    default:
      return message;
  }
}
