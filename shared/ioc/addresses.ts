import ipaddr from 'ipaddr.js';
import type { AddressBounds } from './model.js';

const BITS = { 4: 32n, 6: 128n } as const;

/** Longer texts are no addresses: two IPv6 addresses and what stands between them. */
const LONGEST_TEXT = 100;

interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/**
 * Reads one IPv4 address in four decimal parts or one IPv6 address, a zone (`%eth0`) left out. IPv4 in IPv6 clothing
 * (`::ffff:192.0.2.1`) is the IPv4 address: systems show one connection either way.
 */
export function readAddress(text: string): Address | undefined {
  if (text.length > LONGEST_TEXT) return undefined;
  if (!text.includes(':')) {
    // Only four decimal parts: `010.1` means different addresses to different programs.
    return ipaddr.IPv4.isValidFourPartDecimal(text) ? of(ipaddr.IPv4.parse(text)) : undefined;
  }
  const plain = text.replace(/%.*$/s, '').replace(/^\[(.*)\]$/s, '$1');
  if (!ipaddr.IPv6.isValid(plain)) return undefined;
  const address = ipaddr.IPv6.parse(plain);
  return of(address.isIPv4MappedAddress() ? address.toIPv4Address() : address);
}

function of(address: ipaddr.IPv4 | ipaddr.IPv6): Address {
  const value = address.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { family: address.kind() === 'ipv4' ? 4 : 6, value };
}

/** Reads one address, a CIDR (host bits are allowed and count for nothing), or `A TO B`, also written `A-B`. */
export function readAddresses(text: string): AddressBounds | undefined {
  if (text.length > LONGEST_TEXT) return undefined;
  const [left = '', right, ...rest] = text.split(/\s+TO\s+|\s*-\s*/i);
  if (rest.length > 0) return undefined;
  if (right !== undefined) return between(readAddress(left), readAddress(right));
  const slash = text.indexOf('/');
  if (slash < 0) return between(readAddress(text), readAddress(text));
  const bits = text.slice(slash + 1);
  return /^\d{1,3}$/.test(bits) ? network(readAddress(text.slice(0, slash)), BigInt(bits)) : undefined;
}

function between(first: Address | undefined, last: Address | undefined): AddressBounds | undefined {
  if (first === undefined || last === undefined) return undefined;
  if (first.family !== last.family || first.value > last.value) return undefined;
  return { family: first.family, first: first.value, last: last.value };
}

function network(address: Address | undefined, bits: bigint): AddressBounds | undefined {
  if (address === undefined || bits > BITS[address.family]) return undefined;
  const host = BITS[address.family] - bits;
  const first = (address.value >> host) << host;
  return { family: address.family, first, last: first + (1n << host) - 1n };
}

/**
 * Reads the beginning of an address that ends between two parts, such as `192.168.` or `fe80:1:`, as the network that it
 * stands for. The last dot may be missing: `10.1` is `10.1.0.0/16` and not also `10.12.0.0/16`.
 */
export function readAddressPrefix(text: string): AddressBounds | undefined {
  if (text.length > LONGEST_TEXT) return undefined;
  if (/^\d{1,3}(\.\d{1,3}){0,2}\.?$/.test(text)) {
    const parts = text.replace(/\.$/, '').split('.');
    // A single number without a dot may stand anywhere in an address.
    if (parts.length === 1 && !text.endsWith('.')) return undefined;
    const whole = [...parts, '0', '0', '0'].slice(0, 4).join('.');
    return network(readAddress(whole), BigInt(parts.length * 8));
  }
  if (/^([0-9a-f]{1,4}:){1,7}$/i.test(text)) {
    const parts = text.slice(0, -1).split(':');
    return network(readAddress(parts.length === 7 ? `${text}0` : `${text}:`), BigInt(parts.length * 16));
  }
  return undefined;
}
