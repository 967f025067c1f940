import type { Family } from '../../../shared/exclusions/address.js';
import { flowAddress } from '../matching.js';
import type { Endpoint } from '../plan.js';
import {
  addressIn,
  ICMP,
  ICMPV6,
  icmpTypeIs,
  isLoopback,
  portIn,
  programIs,
  protocolIs,
  TCP,
  tokenHas,
} from './conditions.js';
import { NAME_PREFIX } from './describe.js';
import type { Layer } from './guids.js';
import { ownFilter } from './keys.js';
import type { Filter, Lifetime } from './types.js';

/** Ours only: other layers, and with them transit traffic, are not touched. */
export const OWN_LAYERS = [
  'ALE_AUTH_CONNECT_V4',
  'ALE_AUTH_CONNECT_V6',
  'ALE_AUTH_RECV_ACCEPT_V4',
  'ALE_AUTH_RECV_ACCEPT_V6',
] as const satisfies readonly Layer[];

/** A higher class is asked first, and the first filter that matches decides. */
export const WEIGHT_CLASS = { ownChannel: 15, loopback: 14, icmp: 13, exclusion: 11, blockAll: 0 } as const;

/** Where flows are classified that this computer opens (`out`), and that the other side opens (`in`). */
export function layerOf(opened: 'out' | 'in', family: Family): (typeof OWN_LAYERS)[number] {
  return opened === 'out' ? `ALE_AUTH_CONNECT_V${family}` : `ALE_AUTH_RECV_ACCEPT_V${family}`;
}

/** The agent's own program under its own identity. */
export interface AgentIdentity {
  /** AppId of the executable. */
  readonly appId: Buffer;
  /** SID of the service; that of the user where the agent is no service. */
  readonly sid: Buffer;
}

const NOTHING = Buffer.alloc(0);

/**
 * docs/security.md section 3. Hard: no other product may cut the device off from its server. At CONNECT only: the agent
 * opens the connection and its replies belong to that flow, which is classified again at CONNECT whichever way a packet
 * goes; what a server opens towards the agent is not wanted.
 */
export function ownChannel(endpoints: readonly Endpoint[], agent: AgentIdentity): Filter[] {
  const groups = new Map<string, { family: Family; port: number; addresses: Set<bigint> }>();
  for (const { address: text, port } of endpoints) {
    const address = flowAddress(text);
    if (address === undefined) continue;
    const { family } = address;
    const key = `${family} ${port}`;
    const group = groups.get(key) ?? { family, port, addresses: new Set() };
    group.addresses.add(address.number);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ family, port, addresses }) =>
    ownFilter({
      name: `${NAME_PREFIX}own channel to the management server`,
      layer: layerOf('out', family),
      lifetime: 'persistent',
      weight: { kind: 'class', value: WEIGHT_CLASS.ownChannel },
      action: 'permit',
      hard: true,
      data: NOTHING,
      conditions: [
        programIs(agent.appId),
        tokenHas(agent.sid),
        ...[...addresses].map((address) =>
          addressIn('IP_REMOTE_ADDRESS', { first: address, last: address }, family),
        ),
        portIn('IP_REMOTE_PORT', { first: BigInt(port), last: BigInt(port) }),
        protocolIs(TCP),
      ],
    }),
  );
}

/** Section 1. */
export function loopback(lifetime: Lifetime): Filter[] {
  return OWN_LAYERS.map((layer) =>
    ownFilter({
      name: `${NAME_PREFIX}loopback`,
      layer,
      lifetime,
      weight: { kind: 'class', value: WEIGHT_CLASS.loopback },
      action: 'permit',
      hard: false,
      data: NOTHING,
      conditions: [isLoopback()],
    }),
  );
}

const NEIGHBOURS_AND_GROUPS = [130, 131, 132, 133, 134, 135, 136, 137, 143];

/**
 * The types of section 2 that ALE may see. It never sees errors, and an echo reply belongs to the flow of its request:
 * neither needs a filter, and without one nobody can send replies that nobody asked for.
 */
const ICMP_TYPES: Readonly<Record<(typeof OWN_LAYERS)[number], readonly number[]>> = {
  ALE_AUTH_CONNECT_V4: [5],
  ALE_AUTH_CONNECT_V6: NEIGHBOURS_AND_GROUPS,
  ALE_AUTH_RECV_ACCEPT_V4: [5, 8, 13],
  ALE_AUTH_RECV_ACCEPT_V6: [128, ...NEIGHBOURS_AND_GROUPS],
};

/** Section 2. */
export function icmp(lifetime: Lifetime): Filter[] {
  return OWN_LAYERS.map((layer) =>
    ownFilter({
      name: `${NAME_PREFIX}ICMP of the operating system`,
      layer,
      lifetime,
      weight: { kind: 'class', value: WEIGHT_CLASS.icmp },
      action: 'permit',
      hard: false,
      data: NOTHING,
      conditions: [protocolIs(layer.endsWith('V4') ? ICMP : ICMPV6), ...ICMP_TYPES[layer].map(icmpTypeIs)],
    }),
  );
}

/** The rest. It carries the plan's id, which is how a later process knows what is in force. */
export function blockAll(lifetime: Lifetime, planId: string): Filter[] {
  return OWN_LAYERS.map((layer) =>
    ownFilter({
      name: `${NAME_PREFIX}isolated`,
      layer,
      lifetime,
      weight: { kind: 'class', value: WEIGHT_CLASS.blockAll },
      action: 'block',
      hard: true,
      data: Buffer.from(planId),
      conditions: [],
    }),
  );
}
