/** A syslog message, read by the grammar of RFC 5424, section 6, and by nothing of ours. */
export interface SyslogMessage {
  readonly facility: number;
  readonly severity: number;
  readonly timestamp: string;
  readonly host: string;
  readonly app: string;
  readonly procId: string;
  readonly msgId: string;
  /** Parameters by element id. */
  readonly data: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Undefined: there is none. */
  readonly message: string | undefined;
}

const PRINTABLE = '[\\x21-\\x7e]';
const HEADER = new RegExp(
  `^<(0|[1-9]\\d{0,2})>1 (-|\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d{1,6})?Z) ` +
    `(${PRINTABLE}{1,255}) (${PRINTABLE}{1,48}) (${PRINTABLE}{1,128}) (${PRINTABLE}{1,32}) `,
);
const NAME = /^[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}/;

/** @throws Error that says what of the grammar is broken */
export function readSyslog(bytes: Buffer): SyslogMessage {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const header = HEADER.exec(text);
  if (!header) throw new Error(`no header: ${text.slice(0, 200)}`);
  const priority = Number(header[1]);
  if (priority > 191) throw new Error(`priority ${priority}`);
  const [data, rest] = readData(text.slice(header[0].length));
  if (rest !== '' && !rest.startsWith(' '))
    throw new Error(`after the structured data: ${rest.slice(0, 20)}`);
  return {
    facility: priority >> 3,
    severity: priority & 7,
    timestamp: header[2] ?? '',
    host: header[3] ?? '',
    app: header[4] ?? '',
    procId: header[5] ?? '',
    msgId: header[6] ?? '',
    data,
    message: rest === '' ? undefined : utf8Message(rest.slice(1)),
  };
}

/** MSG-UTF8 begins with a byte order mark. */
function utf8Message(text: string): string {
  if (!text.startsWith('\ufeff')) throw new Error('the message has no byte order mark');
  return text.slice(1);
}

function readData(text: string): [SyslogMessage['data'], rest: string] {
  const elements = new Map<string, ReadonlyMap<string, string>>();
  if (text.startsWith('-')) return [elements, text.slice(1)];
  let rest = text;
  while (rest.startsWith('[')) {
    const id = NAME.exec(rest.slice(1))?.[0];
    if (id === undefined) throw new Error('an element without id');
    rest = rest.slice(1 + id.length);
    const params = new Map<string, string>();
    while (rest.startsWith(' ')) {
      const name = NAME.exec(rest.slice(1))?.[0];
      if (name === undefined || !rest.slice(1 + name.length).startsWith('="'))
        throw new Error('no parameter');
      const [value, after] = readValue(rest.slice(name.length + 3));
      params.set(name, value);
      rest = after;
    }
    if (!rest.startsWith(']')) throw new Error(`an element that does not end: ${rest.slice(0, 20)}`);
    rest = rest.slice(1);
    elements.set(id, params);
  }
  if (elements.size === 0) throw new Error('no structured data');
  return [elements, rest];
}

/** Up to the closing quote. */
function readValue(text: string): [value: string, rest: string] {
  let value = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') return [value, text.slice(at + 1)];
    if (character === ']') throw new Error('a bare ] in a value');
    const next = text.charAt(at + 1);
    if (character === '\\' && ['"', '\\', ']'].includes(next)) {
      value += next;
      at += 1;
    } else value += character;
  }
  throw new Error('a value that does not end');
}

/** Messages framed by octet counting (RFC 6587, section 3.4.1), and what is left of one that has not come whole. */
export function readFrames(bytes: Buffer): { readonly messages: Buffer[]; readonly rest: Buffer } {
  const messages: Buffer[] = [];
  let rest = bytes;
  for (;;) {
    const blank = rest.indexOf(' ');
    if (blank === -1) return { messages, rest };
    const digits = rest.subarray(0, blank).toString('latin1');
    if (!/^[1-9]\d*$/.test(digits)) throw new Error(`no length: ${digits.slice(0, 20)}`);
    const end = blank + 1 + Number(digits);
    if (rest.length < end) return { messages, rest };
    messages.push(rest.subarray(blank + 1, end));
    rest = rest.subarray(end);
  }
}
