import { compilePlan, type Plan } from '../../agent/enforce/plan.js';
import { Exclusion, ExclusionDirection } from '../../shared/gen/cordon/v1/exclusion.js';
import { IsolationSettings } from '../../shared/gen/cordon/v1/isolation.js';

const TCP = 6;
const UDP = 17;
const {
  EXCLUSION_DIRECTION_INBOUND: IN,
  EXCLUSION_DIRECTION_OUTBOUND: OUT,
  EXCLUSION_DIRECTION_BOTH: BOTH,
} = ExclusionDirection;

type Form = (index: number) => Partial<Exclusion>;

const port = (number: number): { first: number; last: number } => ({ first: number, last: number });
const host = (index: number): string => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
const network = (index: number): string =>
  `172.${16 + ((index >> 12) & 15)}.${(index >> 4) & 255}.${(index & 15) << 4}/28`;
const place = (index: number): number => 1024 + (index % 60_000);

/** The forms that lists of large sites have, and the rare ones too: every field, ranges, both IP versions. */
const FORMS: readonly Form[] = [
  (index) => ({
    direction: OUT,
    protocol: TCP,
    remoteAddresses: [host(index)],
    remotePorts: [port(place(index))],
  }),
  (index) => ({
    direction: OUT,
    protocol: TCP,
    remoteAddresses: [`2001:db8::${index.toString(16)}`],
    remotePorts: [port(443)],
  }),
  (index) => ({
    direction: IN,
    protocol: TCP,
    remoteAddresses: [network(index)],
    localPorts: [port(22), port(3389)],
  }),
  (index) => ({
    direction: BOTH,
    protocol: UDP,
    remotePorts: [{ first: place(index), last: place(index) + 3 }],
  }),
  (index) => ({ direction: OUT, remoteAddresses: [`${host(index)}-${host(index + 3)}`] }),
  (index) => ({
    direction: IN,
    protocol: UDP,
    localAddresses: ['192.0.2.11'],
    remoteAddresses: [host(index)],
    localPorts: [port(161)],
  }),
  (index) => ({
    direction: OUT,
    protocol: UDP,
    localPorts: [port(place(index))],
    remotePorts: [port(place(index * 7))],
  }),
  (index) => ({
    direction: BOTH,
    protocol: [1, 47, 50, 132][index % 4],
    remoteAddresses: [`${host(index)}`],
  }),
  (index) => ({
    direction: OUT,
    protocol: TCP,
    remoteAddresses: [`2001:db8:${(index >> 8).toString(16)}:${(index & 255).toString(16)}::/64`],
    remotePorts: [{ first: 8000, last: 8010 + (index % 5) }],
  }),
];

/** A list of `count` exclusions; the same at each call. */
export function mixedExclusions(count: number): Exclusion[] {
  return Array.from({ length: count }, (_, index) =>
    Exclusion.fromPartial({ name: `rule ${index}`, ...FORMS[index % FORMS.length]?.(index) }),
  );
}

export function benchPlan(exclusions: Exclusion[]): Plan {
  return compilePlan({
    isolationId: 'bench',
    settings: { ...IsolationSettings.fromPartial({}), exclusions },
    serverEndpoints: [{ address: '192.0.2.1', port: 7443 }],
    resolvedHosts: new Map(),
    expiresInMs: 8 * 3_600_000,
  });
}
