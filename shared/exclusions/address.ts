import ipaddr from 'ipaddr.js';

export type Family = 4 | 6;

/** Addresses of one IP version, first to last, in canonical text. */
export interface AddressRange {
  readonly family: Family;
  readonly first: string;
  readonly last: string;
  /** Canonical text of the whole: `10.0.0.0/8`, `10.0.0.1`, `10.0.0.1-10.0.0.9`. What nft takes as an interval. */
  readonly text: string;
}

/** The rule that a text breaks. */
export class AddressError extends Error {}

/** Two IPv6 addresses in their longest form with a dash. Longer texts are not repeated in an error. */
const LONGEST_TEXT = 100;

/** An IPv4 address in its canonical form, which is the only one that is taken. */
const FOUR_PARTS = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

const familyOf = (address: ipaddr.IPv4 | ipaddr.IPv6): Family => (address.kind() === 'ipv4' ? 4 : 6);

function parseOne(text: string): ipaddr.IPv4 | ipaddr.IPv6 {
  // Only the four-part form: `010.1` and `0x7f.1` mean different addresses to different programs.
  const ok = text.includes(':')
    ? ipaddr.IPv6.isValid(text) && !text.includes('%')
    : ipaddr.IPv4.isValidFourPartDecimal(text);
  if (!ok) throw new AddressError(`"${text}" is not an IPv4 or IPv6 address`);
  const address = ipaddr.parse(text);
  if (address.kind() === 'ipv6' && (address as ipaddr.IPv6).isIPv4MappedAddress()) {
    throw new AddressError(`"${text}" is an IPv4-mapped address; write the IPv4 address`);
  }
  return address;
}

/** Whether a text is one address that exclusions and packet filters take: no zone, no IPv4 in IPv6 clothing. */
export function isPlainAddress(text: string): boolean {
  try {
    parseOne(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads a single address, a CIDR without host bits, or `first-last` within one IP version.
 * @throws AddressError that says which rule the text breaks
 */
export function parseAddressRange(text: string): AddressRange {
  if (text === '') throw new AddressError('is empty; leave the entry out for any address');
  if (text.length > LONGEST_TEXT) throw new AddressError('is longer than any address or range');
  const [left = '', right, ...rest] = text.split('-');
  if (rest.length > 0) throw new AddressError(`"${text}" is not a range: more than one dash`);
  if (right !== undefined) return parseRange(text, left.trim(), right.trim());
  if (text.includes('/')) return parseCidr(text);
  // Most of a long list: nothing to parse beyond the check that it is in its only form.
  if (FOUR_PARTS.test(text)) return { family: 4, first: text, last: text, text };
  const address = parseOne(text);
  const canonical = address.toString();
  return { family: familyOf(address), first: canonical, last: canonical, text: canonical };
}

function parseRange(text: string, left: string, right: string): AddressRange {
  const first = parseOne(left);
  const last = parseOne(right);
  if (first.kind() !== last.kind()) throw new AddressError(`"${text}" mixes IPv4 and IPv6`);
  if (Buffer.compare(Buffer.from(first.toByteArray()), Buffer.from(last.toByteArray())) > 0) {
    throw new AddressError(`"${text}" is reversed: the first address is above the last`);
  }
  const range = { family: familyOf(first), first: first.toString(), last: last.toString() };
  return { ...range, text: range.first === range.last ? range.first : `${range.first}-${range.last}` };
}

function parseCidr(text: string): AddressRange {
  const [base = '', bits = ''] = text.split('/');
  const address = parseOne(base);
  const family = familyOf(address);
  const width = family === 4 ? 32 : 128;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > width) {
    throw new AddressError(`"${text}" has no prefix length from 0 to ${width}`);
  }
  const kind = family === 4 ? ipaddr.IPv4 : ipaddr.IPv6;
  const canonical = `${address.toString()}/${Number(bits)}`;
  const first = kind.networkAddressFromCIDR(canonical).toString();
  if (first !== address.toString()) {
    throw new AddressError(`"${text}" has bits set behind its prefix; the network is ${first}/${bits}`);
  }
  const last =
    family === 4 ? ipaddr.IPv4.broadcastAddressFromCIDR(canonical) : lastOfIPv6(address, Number(bits));
  return {
    family,
    first,
    last: last.toString(),
    text: Number(bits) === width ? first : `${first}/${Number(bits)}`,
  };
}

function lastOfIPv6(address: ipaddr.IPv4 | ipaddr.IPv6, bits: number): ipaddr.IPv4 | ipaddr.IPv6 {
  const bytes = address.toByteArray().map((byte, index) => {
    const fixed = Math.max(0, Math.min(8, bits - index * 8));
    return byte | (0xff >> fixed);
  });
  return ipaddr.fromByteArray(bytes);
}
