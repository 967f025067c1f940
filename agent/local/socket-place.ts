import { chmodSync, lstatSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { makeFolder } from '../../shared/folder.js';

/** The local control socket cannot be used. The message names it and says what to do. */
export class LocalSocketError extends Error {
  override readonly name = 'LocalSocketError';
}

/** Somebody who listens answers at once: a connection on the same computer needs no network. */
const ANSWER_WITHIN_MS = 2_000;

/**
 * Makes room for a socket: the folder is there and belongs to root or to us, and what a dead agent left is gone.
 * @throws LocalSocketError where somebody else listens there, or where the place is not safe
 */
export async function preparePlace(path: string): Promise<void> {
  const folder = dirname(path);
  makeFolder(folder, 0o700);
  checkFolder(path);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isSocket()) {
    throw new LocalSocketError(`${path}: is not a socket; remove it, or set control_socket to another path`);
  }
  if (await answers(path)) {
    throw new LocalSocketError(`${path}: another agent listens there; stop it, or set control_socket`);
  }
  rmSync(path, { force: true });
}

/** Only its owner may open the socket; the peer's credentials are asked for beside that. */
export function lockPlace(path: string): void {
  chmodSync(path, 0o600);
}

/**
 * Whoever may write the folder can put a socket of his own there, and would be given the password.
 * @throws LocalSocketError where that is somebody else than root and this user
 */
export function checkFolder(path: string): void {
  const folder = dirname(path);
  const { uid, mode } = statSync(folder);
  const ours = uid === 0 || uid === process.getuid?.();
  if (ours && (mode & 0o022) === 0) return;
  throw new LocalSocketError(
    `${folder}: other users may write there; give the folder of the control socket to root, mode 0700`,
  );
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_WITHIN_MS, () => end(true));
    socket.once('connect', () => end(true));
    // A full backlog belongs to somebody who lives.
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'EAGAIN'));
  });
}
