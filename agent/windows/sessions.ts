import type { Message } from '../notify/message.js';
import type { Ending } from '../notify/run-briefly.js';
import { lastErrorCall, systemLibrary, WindowsError, type Call } from './library.js';

/** WTS_CONNECTSTATE_CLASS: somebody is logged in, at the screen or away from it. */
const LOGGED_IN = [0, 4];
/** Services have no screen. */
const SERVICES_SESSION = 0;
/** WTS_SESSION_INFOW: number, name, state. */
const ROW = 24;
const STATE = 16;
/** More people than work on one computer; a bound on the windows that one message opens. */
const MOST_SESSIONS = 64;
/** Longest time for all of them, milliseconds. */
const DEADLINE_MS = 5_000;
/** An OK button, a warning sign, in front of other windows. */
const STYLE = 0x10030;
/** Until somebody closes it. */
const FOR_EVER = 0;
const THIS_COMPUTER = null;

/** Shows a message to everybody who is logged in. Never rejects. */
export type TellSessions = (message: Message) => Promise<readonly Ending[]>;

type Asynchronous = Call & { readonly async: (...args: unknown[]) => void };

/** @param library path of wtsapi32.dll, for tests */
export function sessionTeller(library?: string): TellSessions {
  let calls: Promise<SessionCalls> | undefined;
  return async (message) => {
    try {
      calls ??= loadCalls(library);
      const { list, send } = await calls;
      const text = [...message.lines].join('\r\n');
      const endings: Ending[] = [];
      // One after the other: each call takes a thread that others need, too.
      const until = performance.now() + DEADLINE_MS;
      for (const session of list()) {
        const left = until - performance.now();
        if (left <= 0) break;
        endings.push(await within(left, send(session, `Cordon: ${message.title}`, text)));
      }
      return endings;
    } catch (error) {
      return [{ kind: 'failed', why: (error as Error).message }];
    }
  };
}

interface SessionCalls {
  /** Numbers of the sessions of people. */
  readonly list: () => number[];
  readonly send: (session: number, title: string, text: string) => Promise<Ending>;
}

async function loadCalls(library: string | undefined): Promise<SessionCalls> {
  const wts = await systemLibrary('wtsapi32.dll', library);
  const kernel = await systemLibrary('kernel32.dll');
  const { default: koffi } = await import('koffi');
  const lastError = lastErrorCall(kernel);
  const enumerate = wts.func(
    'int __stdcall WTSEnumerateSessionsW(void *, uint32_t, uint32_t, _Out_ void **, _Out_ uint32_t *)',
  ) as Call;
  const free = wts.func('void __stdcall WTSFreeMemory(void *)') as Call;
  const send = wts.func(
    'int __stdcall WTSSendMessageW(void *, uint32_t, str16, uint32_t, str16, uint32_t, uint32_t, uint32_t, _Out_ uint32_t *, int)',
  ) as unknown as Asynchronous;
  return {
    list: () => {
      const rows: [bigint | null] = [null];
      const count: [number] = [0];
      if (enumerate(THIS_COMPUTER, 0, 1, rows, count) === 0) {
        throw new WindowsError('WTSEnumerateSessionsW', lastError());
      }
      if (rows[0] === null) return [];
      try {
        const bytes = koffi.decode(rows[0], koffi.array('uint8_t', ROW * count[0], 'Typed')) as Uint8Array;
        return loggedIn(Buffer.from(bytes));
      } finally {
        free(rows[0]);
      }
    },
    send: (session, title, text) =>
      new Promise((resolve) => {
        const sizes = [title, text].map((words) => Buffer.byteLength(words, 'utf16le'));
        const done = (error: unknown, answer: unknown): void =>
          resolve(
            error === null && answer !== 0
              ? { kind: 'done' }
              : { kind: 'failed', why: `WTSSendMessageW took no message for session ${session}` },
          );
        const nobodyWaits = 0;
        send.async(
          THIS_COMPUTER,
          session,
          title,
          sizes[0],
          text,
          sizes[1],
          STYLE,
          FOR_EVER,
          [0],
          nobodyWaits,
          done,
        );
      }),
  };
}

/** @param rows WTS_SESSION_INFOW, one after the other */
export function loggedIn(rows: Buffer): number[] {
  const count = Math.floor(rows.length / ROW);
  return Array.from({ length: count }, (_, index) => ROW * index)
    .filter((at) => LOGGED_IN.includes(rows.readInt32LE(at + STATE)))
    .map((at) => rows.readUInt32LE(at))
    .filter((session) => session !== SERVICES_SESSION)
    .slice(0, MOST_SESSIONS);
}

function within(ms: number, work: Promise<Ending>): Promise<Ending> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Ending>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'failed', why: 'WTSSendMessageW does not answer' }), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
