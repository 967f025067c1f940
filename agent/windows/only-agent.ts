import { LocalSocketError } from '../local/listener.js';
import { isLocalPipe, pinPipe } from './pipe-owner.js';

/**
 * Two agents would undo each other's filters for as long as both live. One that runs has the pipe, and no user could have
 * made that one; a pipe of somebody else, or one that cannot be asked about, keeps no agent from isolating.
 * @param pipe its control pipe
 * @throws LocalSocketError where an agent runs
 */
export async function refuseSecondAgent(pipe: string): Promise<void> {
  if (!isLocalPipe(pipe)) return;
  const pinned = await pinPipe(pipe).catch(() => undefined);
  if (pinned?.kind !== 'trusted') return;
  pinned.release();
  throw new LocalSocketError(
    `${pipe}: an agent runs on this computer already; stop it first (sc stop cordon-agent), or ask it with "cordon-agent isolation /show"`,
  );
}
