import { Serial } from '../serial.js';
import { tokenCalls } from './token-calls.js';
import { parseSid } from './sid.js';

const MOST_CHARACTERS = 257;
/** An isolated computer may not reach the one that knows the name. */
const DEADLINE_MS = 2_000;
const MOST_KNOWN = 256;

/** Names of accounts, for people: `DOMAIN\user`. */
export class AccountNames {
  private readonly known = new Map<string, Promise<string>>();
  /** A question may wait for another computer: never more than one of libuv's threads. */
  private readonly serial = new Serial();

  /** Name of an account; its SID where Windows cannot name it within two seconds. Never throws. */
  async nameOf(sid: string): Promise<string> {
    let name = this.known.get(sid);
    if (!name) {
      if (this.known.size >= MOST_KNOWN) this.known.clear();
      name = this.serial.run(() => lookUp(sid));
      this.known.set(sid, name);
      // Next time it may be known.
      name.catch(() => this.known.delete(sid));
    }
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(sid), DEADLINE_MS);
    });
    return Promise.race([name.catch(() => sid), deadline]).finally(() => clearTimeout(timer));
  }
}

async function lookUp(sid: string): Promise<string> {
  const calls = await tokenCalls();
  const name = Buffer.allocUnsafeSlow(2 * MOST_CHARACTERS);
  const domain = Buffer.allocUnsafeSlow(2 * MOST_CHARACTERS);
  const nameLength: [number] = [MOST_CHARACTERS];
  const domainLength: [number] = [MOST_CHARACTERS];
  const found = await calls.nameOfAccount(parseSid(sid), name, nameLength, domain, domainLength);
  if (found === 0) throw new Error(`${sid} has no name`);
  const [user, place] = [wideText(name), wideText(domain)];
  return place === '' ? user : `${place}\\${user}`;
}

/** What Windows wrote up to the zero at the end. */
export function wideText(buffer: Buffer): string {
  const [content = ''] = buffer.toString('utf16le').split('\0');
  return content;
}
