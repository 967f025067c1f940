import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Message } from './message.js';
import { runBriefly, type Ending } from './run-briefly.js';

/** Where systemd-logind keeps one folder for each user who is logged in, named by the user's id. */
const RUN_USER = '/run/user';
/** More people than sit at one computer; a bound on the programs that one message starts. */
const MOST_DESKTOPS = 32;

/** A user with a message bus. */
export interface Desktop {
  readonly uid: number;
  readonly gid: number;
  /** Folder of the user's bus. */
  readonly folder: string;
}

/** Users who may have a desktop. Nobody else's folder counts: who owns it says as whom a program is run. */
export function desktopsIn(runUser = RUN_USER): Desktop[] {
  return namesIn(runUser)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => desktopOf(join(runUser, name), Number(name)))
    .slice(0, MOST_DESKTOPS);
}

/** The user owns what is in the folder: a loop of links or a file system of their own must not cost others the message. */
function desktopOf(folder: string, user: number): Desktop[] {
  try {
    const { uid, gid } = statSync(folder);
    return uid === user && statSync(join(folder, 'bus')).isSocket() ? [{ uid, gid, folder }] : [];
  } catch {
    return [];
  }
}

/**
 * Shows a message on a user's desktop, as that user (`notify-send`, libnotify). A user who has a bus and no desktop
 * looks the same as one whose desktop failed, so that nothing but the ending is known.
 */
export function tellDesktop({ uid, gid, folder }: Desktop, { title, lines }: Message): Promise<Ending> {
  const args = ['--app-name=Cordon', '--urgency=critical', '--', title, escaped(lines.join('\n'))];
  return runBriefly('notify-send', args, {
    as: { uid, gid },
    environment: { XDG_RUNTIME_DIR: folder, DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(folder, 'bus')}` },
  });
}

/** Desktops read the body as markup: a link in a reason must stay text. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // No systemd-logind, no desktops.
    return [];
  }
}
