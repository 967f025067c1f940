import type { Clock } from '../../shared/clock.js';
import type { AgentEvent } from '../../shared/gen/cordon/v1/agent_service.js';
import type { Logger } from '../../shared/log.js';
import { every } from '../../shared/periodic.js';
import type { Quarantine } from '../detect/quarantine/quarantine.js';
import type { IsolationOwner } from '../isolation/owner.js';
import { Detections } from './detections.js';
import { LocalRelease } from './local-release.js';
import type { ListenerParts, LocalListener } from './listener.js';
import { checkLogin } from './login/check.js';
import { PipeListener } from './pipe-listener.js';
import { localService } from './service.js';
import { UnixListener } from './unix-listener.js';

/** How soon a socket that could not be opened, or was removed by somebody, is opened again. */
const LOOK_EVERY_MS = 30_000;

export interface LocalParts {
  /** Path of the socket, name of the pipe on Windows. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly owner: IsolationOwner;
  readonly quarantine: Quarantine;
  readonly deviceId: string;
  readonly connected: () => boolean;
  /** Keeps an event until the server has it. */
  readonly tell: (event: NonNullable<AgentEvent['event']>) => void;
}

/** What people and tools on the device itself may do. */
export interface Local {
  /** Resolves when the socket is gone. */
  stop(): Promise<void>;
}

/**
 * Opens the local control socket. Isolation matters more than the command line: where the socket cannot be opened the
 * agent goes on without, says so in its log, and tries again.
 */
export async function startLocal(parts: LocalParts): Promise<Local> {
  const { path, clock, log } = parts;
  const release = new LocalRelease({ ...parts, checkLogin });
  const service = { ...parts, release, detections: new Detections(parts) };
  let listener: LocalListener | undefined;
  let stopped = false;
  const open = async (): Promise<void> => {
    if (stopped || listener?.present) return;
    await listener?.close();
    listener = undefined;
    const serve = (caller: string): ReturnType<typeof localService> => localService(service, caller);
    const opened = await listen({ path, clock, log, serve });
    if (stopped) await opened.close();
    else listener = opened;
  };
  const failed = (error: unknown): void =>
    log.error({ err: error, path }, 'the local control socket cannot be opened; trying again');
  await open().catch(failed);
  const cancel = every(clock, LOOK_EVERY_MS, open, failed);
  return {
    stop: async () => {
      stopped = true;
      cancel();
      release.stop();
      await listener?.close();
    },
  };
}

function listen(parts: ListenerParts): Promise<LocalListener> {
  return process.platform === 'win32' ? PipeListener.open(parts) : UnixListener.open(parts);
}
