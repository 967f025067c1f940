import { sessionTeller } from '../windows/sessions.js';
import { desktopsIn, tellDesktop } from './desktops.js';
import type { Message } from './message.js';
import type { Ending } from './run-briefly.js';
import { tellTerminals } from './terminals.js';

/** Where messages go. Resolves when they are shown, or cannot be; never rejects. */
export type Show = (message: Message) => Promise<readonly Ending[]>;

/** Terminals and desktops of whoever is logged in. */
const showOnLinux: Show = (message) =>
  Promise.all([
    tellTerminals(message),
    // Most users with a bus and no desktop end here: not worth a word.
    ...desktopsIn().map((desktop) => tellDesktop(desktop, message).then((): Ending => ({ kind: 'done' }))),
  ]);

/** Everybody who is logged in, the way this operating system shows messages. */
export function showEverywhere(platform: NodeJS.Platform = process.platform): Show {
  return platform === 'win32' ? sessionTeller() : showOnLinux;
}
