import { lstatSync } from 'node:fs';
import { isLocalPipe, pinPipe } from '../windows/pipe-owner.js';
import { AccountNames } from '../windows/token-names.js';
import { LocalSocketError } from './listener.js';
import { notAPipe } from './pipe-listener.js';
import { checkFolder } from './socket-place.js';

/** A place at which nobody but the agent can listen. */
export interface AgentEnd {
  /** As gRPC names it. */
  readonly target: string;
  /** For after the call: until then nobody else can take the place. */
  readonly release: () => void;
}

/**
 * Makes sure, before a password goes out, that an administrator's program is at the other end.
 * @param path of the control socket; name of the pipe on Windows
 * @throws LocalSocketError where there is no agent or the place is not safe
 */
export async function agentEnd(path: string): Promise<AgentEnd> {
  const release = process.platform === 'win32' ? await holdPipe(path) : checkSocket(path);
  return { target: `unix:${path}`, release };
}

async function holdPipe(path: string): Promise<() => void> {
  if (!isLocalPipe(path)) throw new LocalSocketError(notAPipe(path));
  const pinned = await pinPipe(path);
  switch (pinned.kind) {
    case 'trusted':
      return pinned.release;
    case 'absent':
      throw new LocalSocketError(
        `${path}: no agent listens there; start the agent (sc start cordon-agent), or give its --control-socket. "cordon-agent status" needs no agent`,
      );
    case 'denied':
      throw new LocalSocketError(
        `${path}: only administrators may open it; run this from a command prompt that was started as administrator`,
      );
    case 'busy':
      throw new LocalSocketError(`${path}: too many programs talk to the agent; try again in some seconds`);
    case 'foreign': {
      const maker = pinned.owner === '' ? 'somebody' : await new AccountNames().nameOf(pinned.owner);
      throw new LocalSocketError(
        `${path}: ${maker} made this pipe, who is neither LocalSystem nor Administrators, so it may not be the agent; nothing was sent. End that program, then start the agent (sc start cordon-agent)`,
      );
    }
  }
}

function checkSocket(path: string): () => void {
  try {
    checkFolder(path);
    // Nobody else can put something there later either.
    if (lstatSync(path).isSocket()) return () => undefined;
  } catch (error) {
    if (error instanceof LocalSocketError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') throw new LocalSocketError(`${path}: only root may open it; run as root`);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  }
  throw new LocalSocketError(
    `${path}: no agent listens there; start the agent (systemctl start cordon-agent), or give its --control-socket. "cordon-agent status" needs no agent`,
  );
}
