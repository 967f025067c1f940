import { expect } from 'chai';
import type { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import { ExclusionDirection } from '../../../shared/gen/cordon/v1/exclusion.js';
import { canMakeCgroups, itNeeding, makeCgroup, requireNetAdmin, type TestCgroup } from '../site/index.js';
import { planFor } from '../enforcer/plan-for.js';
import { LOCAL, REMOTE } from '../../vectors/generators.js';
import { openField, type Field, type Probe } from './field.js';

requireNetAdmin();

const {
  EXCLUSION_DIRECTION_INBOUND: IN,
  EXCLUSION_DIRECTION_OUTBOUND: OUT,
  EXCLUSION_DIRECTION_BOTH: BOTH,
} = ExclusionDirection;
const TCP = 6;
const UDP = 17;
const OPENING = { syn: true, ack: false, fin: false, rst: false };

type Family = 4 | 6;
type Kind = 'tcp' | 'udp';
interface Ends {
  readonly local?: number;
  readonly remote?: number;
  readonly localAt?: number;
  readonly remoteAt?: number;
}

/** A packet that opens an exchange, from or to the first addresses and to port 53 unless told otherwise. */
function opening(way: 'in' | 'out', version: Family, protocol: Kind | number, ends: Ends = {}): Probe {
  const {
    local = way === 'in' ? 53 : 40_000,
    remote = way === 'out' ? 53 : 40_000,
    localAt = 0,
    remoteAt = 0,
  } = ends;
  const places = { local: LOCAL[version][localAt] ?? '', remote: REMOTE[version][remoteAt] ?? '' };
  const ports = { localPort: local, remotePort: remote };
  switch (protocol) {
    case 'tcp':
      return { way, ...places, transport: { protocol, ...ports, flags: OPENING } };
    case 'udp':
      return { way, ...places, transport: { protocol, ...ports } };
    case 1:
      return { way, ...places, transport: { protocol: 'icmp', type: 8 } };
    case 58:
      return { way, ...places, transport: { protocol: 'icmpv6', type: 128 } };
    default:
      return { way, ...places, transport: { protocol: 'other', number: protocol } };
  }
}

const port = (first: number, last = first): { first: number; last: number }[] => [{ first, last }];

interface Example {
  readonly title: string;
  readonly exclusion: Partial<Exclusion>;
  /** Packets that the exclusion lets pass. */
  readonly passes: readonly Probe[];
  /** Near misses. */
  readonly blocked: readonly Probe[];
}

/** Each field of an exclusion, in one IP version. */
function examples(v: Family): Example[] {
  const other: Family = v === 4 ? 6 : 4;
  const [tcp, udp] = [
    (way: 'in' | 'out', ends?: Ends) => opening(way, v, 'tcp', ends),
    (way: 'in' | 'out', ends?: Ends) => opening(way, v, 'udp', ends),
  ];
  const [icmp, foreignIcmp] = v === 4 ? [1, 58] : [58, 1];
  const network = v === 4 ? '192.0.2.200/31' : '2001:db8:77::200/127';
  const range = `${REMOTE[v][1]}-${REMOTE[v][2]}`;
  return [
    {
      title: 'direction out',
      exclusion: { direction: OUT, protocol: UDP, remotePorts: port(53) },
      passes: [udp('out')],
      blocked: [udp('in'), udp('in', { local: 40_001, remote: 53 })],
    },
    {
      title: 'direction in',
      exclusion: { direction: IN, protocol: TCP, localPorts: port(53) },
      passes: [tcp('in')],
      blocked: [tcp('out'), tcp('out', { local: 53, remote: 40_001 })],
    },
    {
      title: 'direction both',
      exclusion: { direction: BOTH, protocol: TCP, remoteAddresses: [REMOTE[v][0]] },
      passes: [tcp('in'), tcp('out')],
      blocked: [tcp('in', { remoteAt: 1 }), tcp('out', { remoteAt: 1 })],
    },
    {
      title: 'protocol TCP',
      exclusion: { direction: OUT, protocol: TCP },
      passes: [tcp('out')],
      blocked: [udp('out'), opening('out', v, icmp), opening('out', v, 132)],
    },
    {
      title: 'protocol UDP',
      exclusion: { direction: OUT, protocol: UDP },
      passes: [udp('out')],
      blocked: [tcp('out'), opening('out', v, 47)],
    },
    {
      title: v === 4 ? 'protocol ICMP' : 'protocol ICMPv6',
      exclusion: { direction: OUT, protocol: icmp, remoteAddresses: [REMOTE[v][0]] },
      passes: [opening('out', v, icmp)],
      blocked: [opening('out', v, icmp, { remoteAt: 1 }), udp('out'), opening('out', other, foreignIcmp)],
    },
    ...[47, 132].map((number) => ({
      title: `protocol ${number}`,
      exclusion: { direction: OUT, protocol: number },
      passes: [opening('out', v, number)],
      blocked: [opening('in', v, number, { remoteAt: 1 }), opening('out', v, 253), udp('out')],
    })),
    {
      title: 'remote ports, single',
      exclusion: { direction: OUT, protocol: TCP, remotePorts: port(53) },
      passes: [tcp('out')],
      blocked: [
        tcp('out', { remote: 52 }),
        tcp('out', { remote: 54 }),
        tcp('out', { local: 53, remote: 54 }),
      ],
    },
    {
      title: 'remote ports, list with a range',
      exclusion: { direction: OUT, protocol: UDP, remotePorts: [...port(53), ...port(1000, 1002)] },
      passes: [udp('out'), udp('out', { remote: 1000 }), udp('out', { remote: 1002 })],
      blocked: [udp('out', { remote: 999 }), udp('out', { remote: 1003 }), udp('out', { remote: 54 })],
    },
    {
      title: 'local ports',
      exclusion: { direction: IN, protocol: UDP, localPorts: port(53, 54) },
      passes: [udp('in'), udp('in', { local: 54 })],
      blocked: [udp('in', { local: 52 }), udp('in', { local: 55 }), udp('in', { local: 55, remote: 53 })],
    },
    {
      title: 'remote ports, inbound',
      exclusion: { direction: IN, protocol: UDP, remotePorts: port(123) },
      passes: [udp('in', { remote: 123 })],
      blocked: [udp('in', { remote: 124 }), udp('in', { local: 123 }), udp('out', { remote: 123 })],
    },
    {
      title: 'local ports, outbound',
      exclusion: { direction: OUT, protocol: TCP, localPorts: port(4000) },
      passes: [tcp('out', { local: 4000 })],
      blocked: [tcp('out', { local: 4001 }), tcp('out', { remote: 4000 }), tcp('in', { local: 4000 })],
    },
    {
      title: 'local and remote ports together',
      exclusion: { direction: OUT, protocol: UDP, localPorts: port(68), remotePorts: port(67) },
      passes: [udp('out', { local: 68, remote: 67 })],
      blocked: [
        udp('out', { local: 69, remote: 67 }),
        udp('out', { local: 68, remote: 66 }),
        udp('out', { local: 67, remote: 68 }),
      ],
    },
    {
      title: 'remote addresses, single',
      exclusion: { remoteAddresses: [REMOTE[v][1]] },
      passes: [tcp('out', { remoteAt: 1 }), udp('in', { remoteAt: 1 })],
      blocked: [
        tcp('out', { remoteAt: 2 }),
        udp('in', { remoteAt: 2 }),
        opening('out', other, 'tcp', { remoteAt: 1 }),
      ],
    },
    {
      title: 'remote addresses, CIDR',
      exclusion: { direction: OUT, protocol: TCP, remoteAddresses: [network] },
      passes: [tcp('out', { remoteAt: 1 }), tcp('out', { remoteAt: 2 })],
      blocked: [tcp('out', { remoteAt: 3 }), tcp('out'), udp('out', { remoteAt: 1 })],
    },
    {
      title: 'remote addresses, range',
      exclusion: { direction: IN, protocol: TCP, localPorts: port(53), remoteAddresses: [range] },
      passes: [tcp('in', { remoteAt: 1 }), tcp('in', { remoteAt: 2 })],
      blocked: [tcp('in', { remoteAt: 3 }), tcp('in'), tcp('in', { remoteAt: 1, local: 54 })],
    },
    {
      title: 'remote addresses, CIDR, inbound',
      exclusion: { direction: IN, protocol: UDP, remoteAddresses: [network] },
      passes: [udp('in', { remoteAt: 1 }), udp('in', { remoteAt: 2 })],
      blocked: [udp('in', { remoteAt: 3 }), udp('in'), udp('out', { remoteAt: 1 })],
    },
    {
      title: 'remote addresses, range, outbound',
      exclusion: { direction: OUT, protocol: UDP, remoteAddresses: [range] },
      passes: [udp('out', { remoteAt: 1 }), udp('out', { remoteAt: 2 })],
      blocked: [udp('out', { remoteAt: 3 }), udp('out'), udp('in', { remoteAt: 1 })],
    },
    {
      title: 'local addresses, outbound',
      exclusion: { direction: OUT, protocol: UDP, localAddresses: [LOCAL[v][1]] },
      passes: [udp('out', { localAt: 1 })],
      blocked: [udp('out'), udp('out', { localAt: 2 }), udp('in', { localAt: 1 })],
    },
    {
      title: 'local addresses',
      exclusion: { direction: IN, protocol: TCP, localAddresses: [LOCAL[v][1]] },
      passes: [tcp('in', { localAt: 1 })],
      blocked: [tcp('in'), tcp('in', { localAt: 2 }), tcp('out', { localAt: 1 })],
    },
    {
      title: 'local and remote addresses together',
      exclusion: { direction: OUT, localAddresses: [LOCAL[v][1]], remoteAddresses: [network] },
      passes: [udp('out', { localAt: 1, remoteAt: 1 })],
      blocked: [udp('out', { localAt: 2, remoteAt: 1 }), udp('out', { localAt: 1, remoteAt: 3 })],
    },
    {
      title: 'a remote host name',
      exclusion: { direction: OUT, protocol: TCP, remoteHost: 'host.example', remotePorts: port(53) },
      passes: [tcp('out', { remoteAt: 3 })],
      blocked: [tcp('out'), tcp('out', { remoteAt: 3, remote: 54 })],
    },
  ];
}

const HOSTS = new Map([['host.example', [REMOTE[4][3], REMOTE[6][3]]]]);

describe('fields of exclusions, with packets', () => {
  let field: Field | undefined;
  let group: TestCgroup | undefined;

  before(async () => {
    group = canMakeCgroups() ? makeCgroup() : undefined;
    field = await openField(group);
  });
  after(async () => {
    await field?.close();
    group?.remove();
  });

  async function passed(
    exclusions: readonly Partial<Exclusion>[],
    probes: readonly Probe[],
  ): Promise<boolean[]> {
    if (!field) throw new Error('there is no field');
    await field.agent.apply(planFor(field.site, exclusions, { hosts: HOSTS }));
    field.forget();
    return field.deliver(probes);
  }

  for (const version of [4, 6] as const) {
    describe(`over IPv${version}`, () => {
      for (const { title, exclusion, passes, blocked } of examples(version)) {
        it(`lets pass what ${title} matches, and nothing beside it`, async () => {
          expect(await passed([exclusion], blocked), 'near misses').to.deep.equal(blocked.map(() => false));
          expect(await passed([exclusion], passes), 'matches').to.deep.equal(passes.map(() => true));
          expect(await passed([], passes), 'without the exclusion').to.deep.equal(passes.map(() => false));
          await field?.agent.clear();
          expect(await field?.deliver(blocked), 'control: not isolated').to.deep.equal(
            blocked.map(() => true),
          );
        });
      }

      it('lets replies pass, and only to what was let out', async () => {
        const asked = opening('out', version, 'udp', { local: 4000 });
        const exclusion = { direction: OUT, protocol: UDP, remotePorts: port(53) };
        const reply = { ...asked, way: 'in' as const };
        expect(await passed([exclusion], [reply])).to.deep.equal([false]);
        expect(await passed([exclusion], [asked, reply])).to.deep.equal([true, true]);
        const misses = [
          opening('in', version, 'udp', { local: 4001, remote: 53 }),
          opening('in', version, 'udp', { local: 4000, remote: 53, remoteAt: 1 }),
        ];
        expect(await passed([exclusion], [asked, ...misses])).to.deep.equal([true, false, false]);
      });

      itNeeding(
        { met: canMakeCgroups(), why: 'making control groups needs root and a writable cgroup2' },
        'lets pass what a program of a control group sends, and neither another port of it nor another program',
        async () => {
          const exclusion: Partial<Exclusion> = {
            direction: OUT,
            protocol: UDP,
            remotePorts: port(53, 54),
            application: { target: { $case: 'cgroup', value: group?.name ?? '' } },
          };
          const own = { ...opening('out', version, 'udp'), member: true };
          const probes = [
            own,
            { ...opening('out', version, 'udp', { remote: 55 }), member: true },
            opening('out', version, 'udp', { local: 41_000 }),
          ];
          expect(await passed([exclusion], probes)).to.deep.equal([true, false, false]);
        },
      );
    });
  }
});
