import { scrypt, timingSafeEqual } from 'node:crypto';

/** A parsed hash. Bounds as in policy.proto: whoever may set a hash must not make an agent use gigabytes to check it. */
export interface PasswordHash {
  /** Binary logarithm of the cost, 14 to 17. */
  readonly ln: number;
  /** Block size, 8 to 16. */
  readonly r: number;
  /** Parallelism, 1 to 4. */
  readonly p: number;
  /** 16 to 64 bytes. */
  readonly salt: Buffer;
  /** 32 to 64 bytes. */
  readonly hash: Buffer;
}

const BOUNDS = { ln: [14, 17], r: [8, 16], p: [1, 4] } as const;
const SALT_BYTES = [16, 64] as const;
const HASH_BYTES = [32, 64] as const;
/** Longest text that can be a hash within the bounds, with room to spare. */
const LONGEST_TEXT = 256;
/** What new hashes are made with: 32 MiB and about a tenth of a second. */
const NEW = { ln: 15, r: 8, p: 1 } as const;
const NEW_HASH_BYTES = 32;

/**
 * Hashes a password as `$scrypt$ln=15,r=8,p=1$SALT$HASH` (PHC string format, base64 without padding). Does not block the
 * event loop.
 * @param salt 16 to 64 random bytes, for this password alone
 * @throws RangeError on a salt of another length
 */
export async function hashPassword(password: string, salt: Buffer): Promise<string> {
  if (!within(salt.length, SALT_BYTES)) throw new RangeError(`a salt must have ${range(SALT_BYTES)} bytes`);
  const hash = await derive(password, { ...NEW, salt }, NEW_HASH_BYTES);
  return `$scrypt$ln=${NEW.ln},r=${NEW.r},p=${NEW.p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/**
 * Tells whether a password fits a hash; false also where the hash is not one that `parsePhc` takes. Does not block the
 * event loop; takes up to 256 MiB while it runs.
 */
export async function verifyPassword(password: string, phc: string): Promise<boolean> {
  const parsed = parsePhc(phc);
  if (typeof parsed === 'string') return false;
  return timingSafeEqual(await derive(password, parsed, parsed.hash.length), parsed.hash);
}

/** Reads a hash. A text instead of one says which rule is broken, to follow the name of a field: `must ...`. */
export function parsePhc(text: string): PasswordHash | string {
  const shape =
    text.length <= LONGEST_TEXT &&
    /^\$scrypt\$ln=(\d{1,3}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(text);
  if (!shape) return 'must be a scrypt hash in PHC string format: $scrypt$ln=15,r=8,p=1$SALT$HASH';
  const [, ln = '', r = '', p = '', salt64 = '', hash64 = ''] = shape;
  const numbers = { ln: Number(ln), r: Number(r), p: Number(p) };
  for (const name of ['ln', 'r', 'p'] as const) {
    if (!within(numbers[name], BOUNDS[name])) return `must have ${name} of ${range(BOUNDS[name])}`;
  }
  const salt = Buffer.from(salt64, 'base64');
  const hash = Buffer.from(hash64, 'base64');
  if (unpadded(salt) !== salt64 || unpadded(hash) !== hash64) {
    return 'must hold salt and hash in base64 without padding';
  }
  if (!within(salt.length, SALT_BYTES)) return `must have a salt of ${range(SALT_BYTES)} bytes`;
  if (!within(hash.length, HASH_BYTES)) return `must have a hash of ${range(HASH_BYTES)} bytes`;
  return { ...numbers, salt, hash };
}

/** scrypt (RFC 7914) over the UTF-8 of a password, in a thread of the pool. */
export function derive(
  password: string,
  { ln, r, p, salt }: Omit<PasswordHash, 'hash'>,
  length: number,
): Promise<Buffer> {
  const N = 2 ** ln;
  // What OpenSSL counts, with a block to spare: its default limit refuses everything above ln=14.
  const maxmem = 128 * r * (N + p + 3);
  return new Promise((resolve, reject) =>
    scrypt(password, salt, length, { N, r, p, maxmem }, (error, hash) =>
      error ? reject(error) : resolve(hash),
    ),
  );
}

type Bounds = readonly [lowest: number, highest: number];
const within = (value: number, [lowest, highest]: Bounds): boolean => value >= lowest && value <= highest;
const range = ([lowest, highest]: Bounds): string => `${lowest} to ${highest}`;
const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
