import type { FlowAddress } from '../matching.js';
import { protocolNumber, type Packet } from '../model.js';
import type { Classification } from './arbitration.js';
import { addressBytes, IS_LOOPBACK } from './conditions.js';
import type { Field } from './guids.js';
import type { FieldValue } from './match.js';
import { layerOf } from './system-filters.js';

/** The process that a flow belongs to, as ALE knows it. */
export interface FlowProcess {
  /** AppId of its executable. */
  readonly appId: Buffer;
  /** SIDs that it carries. */
  readonly token: readonly Buffer[];
}

export type Classified =
  | ({ readonly kind: 'classified' } & Classification)
  /** No ALE layer is asked about this packet. */
  | { readonly kind: 'not-seen'; readonly why: NotSeen };

export type NotSeen =
  /** It is an ICMP error: only the ICMP_ERROR layers see those. */
  | 'icmp-error'
  /** It opens no TCP connection, and ALE classifies connect() and accept() only. */
  | 'opens-no-connection'
  /** It belongs to a flow that was decided when it was opened. */
  | 'belongs-to-a-flow';

const ICMP_ERRORS = { icmp: [3, 4, 11, 12], icmpv6: [1, 2, 3, 4] } as const;

/** The layer and the fields that ALE classifies for the packet that opens a flow (FWP/ale-layers). Pure. */
export function classify(packet: Packet, process: FlowProcess): Classified {
  const { transport, way, remote, local, openedBy, loopback } = packet;
  if (transport.protocol === 'icmp' || transport.protocol === 'icmpv6') {
    const errors: readonly number[] = ICMP_ERRORS[transport.protocol];
    if (errors.includes(transport.type)) return { kind: 'not-seen', why: 'icmp-error' };
  }
  if (transport.protocol === 'tcp' && (!transport.flags.syn || transport.flags.ack)) {
    return { kind: 'not-seen', why: 'opens-no-connection' };
  }
  if (openedBy === (way === 'out' ? 'other-side' : 'this-computer')) {
    return { kind: 'not-seen', why: 'belongs-to-a-flow' };
  }
  const [localPort, remotePort] = portsOf(packet);
  const fields: [Field, FieldValue][] = [
    ['ALE_APP_ID', { type: 'byte-blob', value: process.appId }],
    ['ALE_USER_ID', { type: 'token', sids: process.token }],
    ['IP_PROTOCOL', { type: 'uint8', value: protocolNumber(transport) }],
    ['IP_LOCAL_ADDRESS', addressValue(local)],
    ['IP_REMOTE_ADDRESS', addressValue(remote)],
    ['IP_LOCAL_PORT', { type: 'uint16', value: localPort }],
    ['IP_REMOTE_PORT', { type: 'uint16', value: remotePort }],
    ['FLAGS', { type: 'uint32', value: loopback ? IS_LOOPBACK : 0 }],
  ];
  return { kind: 'classified', layer: layerOf(way, remote.family), fields: new Map(fields) };
}

/** ICMP messages have type and code there; they are not told apart by code here. Other protocols have none. */
function portsOf({ transport }: Packet): readonly [number, number] {
  switch (transport.protocol) {
    case 'tcp':
    case 'udp':
      return [transport.localPort, transport.remotePort];
    case 'icmp':
    case 'icmpv6':
      return [transport.type, 0];
    case 'other':
      return [0, 0];
  }
}

function addressValue({ family, number }: FlowAddress): FieldValue {
  return family === 4
    ? { type: 'uint32', value: Number(number) }
    : { type: 'byte-array16', value: addressBytes(number) };
}
