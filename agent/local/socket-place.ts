import { chmodSync, lstatSync, realpathSync, rmSync, statSync, type Stats } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { makeFolder } from '../../shared/folder.js';
import { LocalSocketError } from './listener.js';

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
 * Whoever may write the folder, or put another one in its place, can put a socket of his own there, and would be given the
 * password.
 * @throws LocalSocketError where that is somebody else than root and this user
 */
export function checkFolder(path: string): void {
  const folder = dirname(path);
  if (!isOurs(statSync(folder)) || isShared(statSync(folder))) {
    throw new LocalSocketError(
      `${folder}: other users may write there; give the folder of the control socket to root, mode 0700`,
    );
  }
  // Both what is written and what it leads to: a link can be replaced, too.
  for (const place of [...placesOn(folder), ...placesOn(realpathSync(folder))]) {
    const found = lstatSync(place);
    // In a folder like /tmp nobody moves what belongs to somebody else.
    if (isOurs(found) && (found.isSymbolicLink() || !isShared(found) || (found.mode & STICKY) !== 0))
      continue;
    throw new LocalSocketError(
      `${place}: other users may put something else there; set control_socket to a place below folders of root`,
    );
  }
}

const STICKY = 0o1000;

function isOurs({ uid }: Stats): boolean {
  return uid === 0 || uid === process.getuid?.();
}

function isShared({ mode }: Stats): boolean {
  return (mode & 0o022) !== 0;
}

/** A folder and everything that it lies in, up to the root. */
function placesOn(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...placesOn(above)];
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
