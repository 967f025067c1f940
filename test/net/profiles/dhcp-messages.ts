import { isIPv4 } from 'node:net';

/** DHCP messages of clients and relays that no ready-made program sends from an ordinary socket (RFC 2131, RFC 8415). */

const BOOTREQUEST = 1;
const ETHERNET = 1;
const HARDWARE_LENGTH = 6;
const COOKIE = Buffer.from('63825363', 'hex');
const MESSAGE_TYPE = 53;
const END = 255;
export const V4 = { discover: 1, offer: 2, request: 3, ack: 5 } as const;
export const V6 = { solicit: 1, advertise: 2, relayForward: 12, relayReply: 13 } as const;

const bytesOf = (address: string): Buffer => {
  if (!isIPv4(address)) throw new Error(`${address} is not an IPv4 address`);
  return Buffer.from(address.split('.').map(Number));
};
const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');

export interface V4Message {
  readonly type: number;
  /** MAC address of the client. */
  readonly mac: string;
  /** The client's own address, if it has one. */
  readonly clientAddress?: string;
  /** The address of the relay that the message comes through. */
  readonly relayAddress?: string;
}

export function v4Message({ type, mac, clientAddress, relayAddress }: V4Message): Buffer {
  const header = Buffer.alloc(236);
  header.set([BOOTREQUEST, ETHERNET, HARDWARE_LENGTH, relayAddress ? 1 : 0]);
  header.writeUInt32BE(0x12345678, 4);
  if (clientAddress) header.set(bytesOf(clientAddress), 12);
  if (relayAddress) header.set(bytesOf(relayAddress), 24);
  header.set(macBytes(mac), 28);
  return Buffer.concat([header, COOKIE, Buffer.from([MESSAGE_TYPE, 1, type, END])]);
}

/** Type of a DHCP message; undefined if it has none. The type is the first option that servers write. */
export function v4Type(message: Buffer | undefined): number | undefined {
  return message?.[240] === MESSAGE_TYPE ? message[242] : undefined;
}

function option(code: number, content: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(code);
  header.writeUInt16BE(content.length, 2);
  return Buffer.concat([header, content]);
}

/** A client's Solicit as a relay wraps it. */
export function v6RelayedSolicit(mac: string, linkAddress: Buffer, peerAddress: Buffer): Buffer {
  const clientId = option(1, Buffer.concat([Buffer.from([0, 3, 0, 1]), macBytes(mac)]));
  const wanted = option(3, Buffer.from('000000010000000000000000', 'hex'));
  const elapsed = option(8, Buffer.alloc(2));
  const solicit = Buffer.concat([Buffer.from([V6.solicit, 1, 2, 3]), clientId, wanted, elapsed]);
  const header = Buffer.from([V6.relayForward, 0]);
  return Buffer.concat([header, linkAddress, peerAddress, option(9, solicit)]);
}

/** Type of a DHCPv6 message. */
export function v6Type(message: Buffer | undefined): number | undefined {
  return message?.[0];
}
