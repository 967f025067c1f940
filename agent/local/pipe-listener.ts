import { WindowsError } from '../windows/library.js';
import { clientReader, type PipeClient } from '../windows/pipe-client.js';
import { isLocalPipe } from '../windows/pipe-owner.js';
import { PipeServer } from '../windows/pipe-server.js';
import type { PipeStream } from '../windows/pipe-stream.js';
import { AccountNames } from '../windows/token-names.js';
import { Callers } from './callers.js';
import { LocalSocketError, MOST_CONNECTIONS, type ListenerParts, type LocalListener } from './listener.js';

/**
 * The named pipe of LocalService on Windows. Who calls is what Windows says about the other end, whatever the list of rights
 * on the pipe became: LocalSystem and elevated administrators.
 */
export class PipeListener implements LocalListener {
  /** A pipe has no file that somebody could remove. */
  readonly present = true;

  private constructor(
    private readonly server: PipeServer,
    private readonly callers: Callers,
  ) {}

  /** @throws LocalSocketError that names the pipe and says what to do */
  static async open(parts: ListenerParts): Promise<PipeListener> {
    const { path, clock, log } = parts;
    if (!isLocalPipe(path)) throw new LocalSocketError(notAPipe(path));
    const callers = new Callers(parts.serve);
    const names = new AccountNames();
    const accept = async (stream: PipeStream, { sid }: PipeClient): Promise<void> => {
      const caller = await names.nameOf(sid);
      if (!stream.destroyed) callers.connect(caller, stream);
    };
    const opening = PipeServer.open({
      name: path,
      most: MOST_CONNECTIONS,
      clock,
      readClient: await clientReader(),
      admits: ({ administrator }) => administrator,
      onConnection: (stream, client) => {
        stream.on('error', (error) => log.debug({ err: error }, 'a local connection broke'));
        accept(stream, client).catch((error: unknown) => stream.destroy(error as Error));
      },
      onRefused: (client) =>
        log.warn({ client }, 'refused a local connection: only administrators may use the control pipe'),
      onTrouble: (error) => log.warn({ err: error }, 'a local connection could not be taken'),
    });
    const server = await opening.catch((error: unknown) => {
      if (error instanceof WindowsError) throw new LocalSocketError(`${path}: ${error.message}`);
      throw error;
    });
    return new PipeListener(server, callers);
  }

  async close(): Promise<void> {
    const closed = this.server.close();
    this.callers.close();
    await closed;
  }
}

/** What to say where a name is not that of a pipe on this computer. */
export function notAPipe(path: string): string {
  return `${path}: is not a pipe of this computer; set control_socket to \\\\.\\pipe\\NAME, for example \\\\.\\pipe\\cordon-agent`;
}
