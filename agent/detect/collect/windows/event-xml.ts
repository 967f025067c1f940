import sax from 'sax';

/** An event as Windows renders it in XML (schema `events/event`). */
export interface WindowsEvent {
  readonly id: number | undefined;
  readonly log: string;
  readonly source: string;
  readonly computer: string;
  readonly index: number | undefined;
  readonly level: number | undefined;
  readonly task: number | undefined;
  /** 64 bits. */
  readonly keywords: bigint;
  /** Milliseconds since 1970 UTC. */
  readonly time: number | undefined;
  readonly processId: number | undefined;
  readonly threadId: number | undefined;
  /** SID; empty: none. */
  readonly user: string;
  /** What the source put into its message, in its order. */
  readonly data: readonly string[];
}

/** Longest text of an element that is kept, characters. */
const LONGEST_TEXT = 32_768;

/** @throws Error where the text is no XML */
export function readEvent(xml: string): WindowsEvent {
  const texts = new Map<string, string>();
  const attributes = new Map<string, string>();
  const data: string[] = [];
  const path: string[] = [];
  let text = '';
  const reader = sax.parser(true, { trim: false, normalize: false });
  reader.onerror = (error) => {
    throw error;
  };
  reader.onopentag = ({ name, attributes: given }) => {
    path.push(name);
    text = '';
    // What sources add is anything, in names that may be the same.
    if (path[1] !== 'System') return;
    for (const [attribute, value] of Object.entries(given))
      attributes.set(`${name}@${attribute}`, String(value));
  };
  const add = (more: string): void => {
    text = (text + more).slice(0, LONGEST_TEXT);
  };
  reader.ontext = add;
  reader.oncdata = add;
  reader.onclosetag = (name) => {
    path.pop();
    if (path.at(-1) === 'System') texts.set(name, text);
    else if (path.includes('EventData') || path.includes('UserData')) {
      if (text.trim() !== '') data.push(text);
    }
    text = '';
  };
  reader.write(xml).close();
  const number = (value: string | undefined): number | undefined =>
    value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
  const keywords = texts.get('Keywords') ?? '';
  const time = Date.parse(attributes.get('TimeCreated@SystemTime') ?? '');
  return {
    id: number(texts.get('EventID')),
    log: texts.get('Channel') ?? '',
    source: attributes.get('Provider@Name') ?? '',
    computer: texts.get('Computer') ?? '',
    index: number(texts.get('EventRecordID')),
    level: number(texts.get('Level')),
    task: number(texts.get('Task')),
    keywords: /^0x[0-9a-f]{1,16}$/i.test(keywords) ? BigInt(keywords) : 0n,
    time: Number.isNaN(time) ? undefined : time,
    processId: number(attributes.get('Execution@ProcessID')),
    threadId: number(attributes.get('Execution@ThreadID')),
    user: attributes.get('Security@UserID') ?? '',
    data,
  };
}
