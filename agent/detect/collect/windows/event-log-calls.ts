import { WinError } from '../../../windows/error-codes.js';
import {
  caller,
  lastErrorCall,
  systemLibrary,
  WindowsError,
  type Address,
} from '../../../windows/library.js';
import { CONSTANTS } from './layout.js';

/** Events of one log, newest first. Methods throw WindowsError where Windows refuses. */
export interface EventReader {
  /** XML of the next event; undefined: there are no more. */
  next(): NextEvent | undefined;
  close(): void;
}

export interface NextEvent {
  readonly xml: string;
  /** Text that people read, in this computer's language; empty where its source has none here. */
  message(source: string): string;
}

export interface EventLogCalls {
  /** Undefined: there is no such log. @throws WindowsError */
  open(log: string): EventReader | undefined;
}

/** Longest wait for the next events, milliseconds. */
const DEADLINE_MS = 5_000;
/** Events that one call gives. */
const BATCH = 64;
/** Most that is read of one event, bytes, and of its message, characters. */
const LARGEST_EVENT = 1024 * 1024;
const LONGEST_MESSAGE = 65_536;
/** Sources whose messages are kept open. */
const MOST_SOURCES = 256;

/**
 * @param library path of wevtapi.dll, for tests
 * @throws Error on another platform
 */
export async function eventLogCalls(library?: string): Promise<EventLogCalls> {
  const [wevtapi, kernel] = await Promise.all([
    systemLibrary('wevtapi.dll', library),
    systemLibrary('kernel32.dll'),
  ]);
  const call = caller(wevtapi);
  const lastError = lastErrorCall(kernel);
  const query: (session: null, log: string, what: string, flags: number) => Address = call(
    'void * __stdcall EvtQuery(void *, str16, str16, uint32_t)',
  );
  const next: (
    found: Address,
    size: number,
    events: BigUint64Array,
    ms: number,
    flags: number,
    count: [number],
  ) => number = call('int __stdcall EvtNext(void *, uint32_t, void *, uint32_t, uint32_t, _Out_ uint32_t *)');
  const render: (
    context: null,
    event: bigint,
    flags: number,
    size: number,
    into: Buffer,
    used: [number],
    properties: [number],
  ) => number = call(
    'int __stdcall EvtRender(void *, int64_t, uint32_t, uint32_t, void *, _Out_ uint32_t *, _Out_ uint32_t *)',
  );
  const metadata: (session: null, source: string, file: null, locale: number, flags: number) => Address =
    call('void * __stdcall EvtOpenPublisherMetadata(void *, str16, str16, uint32_t, uint32_t)');
  const format: (
    source: Address,
    event: bigint,
    message: number,
    count: number,
    values: null,
    flags: number,
    characters: number,
    into: Buffer,
    used: [number],
  ) => number = call(
    'int __stdcall EvtFormatMessage(void *, int64_t, uint32_t, uint32_t, void *, uint32_t, uint32_t, void *, _Out_ uint32_t *)',
  );
  const close: (handle: bigint | Address) => number = call('int __stdcall EvtClose(int64_t)');
  const buffer = Buffer.alloc(LARGEST_EVENT);

  const renderXml = (event: bigint): string => {
    const used: [number] = [0];
    if (render(null, event, CONSTANTS.EvtRenderEventXml, buffer.length, buffer, used, [0]) === 0)
      throw new WindowsError('EvtRender', lastError());
    return buffer.toString('utf16le', 0, used[0]).replace(/\0+$/, '');
  };
  const reader = (found: Address): EventReader => {
    const events = new BigUint64Array(BATCH);
    const sources = new Map<string, Address>();
    let [at, filled] = [0, 0];
    let current = 0n;
    const closeEvent = (): void => {
      if (current !== 0n) close(current);
      current = 0n;
    };
    const sourceOf = (name: string): Address => {
      const known = sources.get(name);
      if (known !== undefined || sources.size >= MOST_SOURCES) return known ?? null;
      const opened = metadata(null, name, null, 0, 0);
      sources.set(name, opened);
      return opened;
    };
    const fill = (): boolean => {
      const count: [number] = [0];
      [at, filled] = [0, 0];
      if (next(found, events.length, events, DEADLINE_MS, 0, count) === 0) {
        const code = lastError();
        if (code === WinError.NO_MORE_ITEMS) return false;
        throw new WindowsError('EvtNext', code);
      }
      filled = count[0];
      return filled > 0;
    };
    return {
      next: () => {
        closeEvent();
        if (at === filled && !fill()) return undefined;
        current = events[at] ?? 0n;
        at += 1;
        const event = current;
        return {
          xml: renderXml(event),
          message: (source) => {
            const opened = sourceOf(source);
            const used: [number] = [0];
            if (opened === null) return '';
            const text = Buffer.alloc(2 * LONGEST_MESSAGE);
            const { length } = text;
            const told = format(
              opened,
              event,
              0,
              0,
              null,
              CONSTANTS.EvtFormatMessageEvent,
              length / 2,
              text,
              used,
            );
            return told === 0 ? '' : text.toString('utf16le', 0, 2 * used[0]).replace(/\0+$/, '');
          },
        };
      },
      close: () => {
        closeEvent();
        for (; at < filled; at += 1) close(events[at] ?? 0n);
        for (const opened of sources.values()) if (opened !== null) close(opened);
        close(found);
      },
    };
  };
  return {
    open: (log) => {
      const flags = CONSTANTS.EvtQueryChannelPath | CONSTANTS.EvtQueryReverseDirection;
      const found = query(null, log, '*', flags);
      if (found !== null) return reader(found);
      const code = lastError();
      if (code === WinError.EVT_CHANNEL_NOT_FOUND) return undefined;
      throw new WindowsError('EvtQuery', code);
    },
  };
}
