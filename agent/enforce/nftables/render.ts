import type { Endpoint, Plan, UnsupportedRule } from '../plan.js';
import { cgroupMatch, type CgroupMatch } from './cgroup-match.js';
import { FIRST_PRIORITY } from './hook-priority.js';
import { renderExclusions, type CgroupLookup, type ExclusionRules, type ProgramMap } from './exclusions.js';
import type { NftSet, PacketWay } from './sets.js';

export const TABLE = 'inet cordon';
/** Set whose elements say for which IP versions the table blocks; they expire at the deadline. */
export const HOLD_SET = 'hold';

/** How the packets of this agent are told from those of other programs. */
export type AgentIdentity =
  | { readonly kind: 'cgroup'; readonly cgroup: CgroupMatch }
  /** No cgroup of its own: every process of this user may reach the server's address and port. */
  | { readonly kind: 'user'; readonly uid: number };

/** What rendering has to know about this computer. */
export interface RenderContext {
  readonly agent: AgentIdentity;
  readonly findCgroup: CgroupLookup;
}

export interface Rendered {
  /** One transaction for `nft -f -`, which replaces what is there of ours. */
  readonly text: string;
  /**
   * The same for a computer that has no table of ours; it fails where there is one. Nothing is deleted, so nft ends
   * without waiting until the kernel has freed what was: some 10 ms.
   */
  readonly creation: string;
  /** Number of rules in each chain and of elements in each named set: what must be read back. */
  readonly counts: ReadonlyMap<string, number>;
  readonly unsupported: readonly UnsupportedRule[];
}

/** Adding before deleting makes the deletion work when there is no table yet. */
const REMOVE = `table ${TABLE}\ndelete table ${TABLE}\n`;

/** Transaction that leaves nothing of ours, also when there was nothing. */
export function renderRemoval(): string {
  return REMOVE;
}

const SYN_ONLY = 'tcp flags & (syn | ack) == syn';
const NOT_SYN_ONLY = 'tcp flags & (syn | ack) != syn';

interface Chain {
  readonly name: string;
  readonly hook?: 'input' | 'output';
  readonly rules: readonly string[];
}

/**
 * The whole table as one transaction. docs/security.md says in words what each family of rules lets pass; the functions
 * below stand in its order.
 * @param priority of the chains at the hooks; behind those of the table that is replaced (hook-priority.ts)
 */
export function renderPlan(plan: Plan, context: RenderContext, priority = FIRST_PRIORITY): Rendered {
  const fromHere = renderExclusions(plan.rules, 'out', context.findCgroup);
  const fromThere = renderExclusions(plan.rules, 'in', context.findCgroup);
  const ways = [
    exclusionChains('opened_here_out', fromHere, 'out'),
    exclusionChains('opened_here_in', fromHere, 'in'),
    exclusionChains('opened_there_in', fromThere, 'in'),
    exclusionChains('opened_there_out', fromThere, 'out'),
  ];

  const chains: Chain[] = [
    // Our verdict comes before other tables at `filter`, so that applications see our reset or error; after conntrack.
    { name: 'input', hook: 'input', rules: [`meta nfproto @${HOLD_SET} jump verdict_in`] },
    { name: 'output', hook: 'output', rules: [`meta nfproto @${HOLD_SET} jump verdict_out`] },
    ...ways.flatMap(({ chains: own }) => own),
    { name: 'tcp_in', rules: tcpIn() },
    { name: 'tcp_out', rules: tcpOut() },
    {
      name: 'verdict_in',
      rules: ['iif "lo" accept', ...icmpIn(), ...plan.serverEndpoints.map(ownChannelIn), ...otherIn()],
    },
    {
      name: 'verdict_out',
      rules: [
        ...loopbackOut(),
        ...icmpOut(),
        ...plan.serverEndpoints.map((endpoint) => ownChannelOut(endpoint, context.agent)),
        ...otherOut(),
      ],
    },
  ];
  const sets = [...fromHere.sets, ...fromThere.sets];
  const maps = ways.flatMap(({ maps: own }) => own);
  const counts = new Map<string, number>([
    ...chains.map((chain): [string, number] => [`chain ${chain.name}`, chain.rules.length]),
    ...sets.map((set): [string, number] => [`set ${set.name}`, set.elements.length]),
    ...maps.map((map): [string, number] => [`map ${map.name}`, map.elements.length]),
    [`set ${HOLD_SET}`, 2],
  ]);
  const comment = `comment "plan=${plan.planId}"`;
  const table = [
    `table ${TABLE} {`,
    `  ${comment}`,
    holdSet(plan.expiresInMs),
    ...sets.map(setText),
    ...maps.map(mapText),
    ...orderedForReference(chains).map((chain) => chainText(chain, priority)),
    '}\n',
  ].join('\n');
  const text = REMOVE + table;
  // In one statement with the rest, nft 1.0.6 would create the table alone.
  const creation = `create table ${TABLE} { ${comment}; }\n${table}`;
  return {
    text,
    creation,
    counts,
    unsupported: mergeUnsupported(fromHere.unsupported, fromThere.unsupported),
  };
}

/** The chain of one opener and way, and behind its lines those that lead to the exclusions of single programs. */
function exclusionChains(
  name: string,
  { matchers, programs }: ExclusionRules,
  way: PacketWay,
): { readonly chains: readonly Chain[]; readonly maps: readonly ProgramMap[] } {
  const accept = (conditions: string): string => `${conditions} accept`.trimStart();
  const { chains, maps, lines } = programs(way);
  return {
    chains: [
      ...chains.map((chain) => ({ name: chain.name, rules: chain.matchers.map(accept) })),
      { name, rules: [...matchers.map((match) => accept(match(way))), ...lines] },
    ],
    maps,
  };
}

/**
 * A packet to an own address whose destination was translated since (published ports of containers, NodePorts) still
 * counts as going to `lo` at this hook, and leaves through another interface: only one that ends here may pass.
 */
function loopbackOut(): string[] {
  return ['oif "lo" ct status & dnat == 0 accept', 'oif "lo" fib daddr type local accept'];
}

/** ICMP and ICMPv6 that an operating system answers or needs: pings of others, errors, neighbours, routers, groups. */
function icmpIn(): string[] {
  return [
    'icmp type { echo-request, timestamp-request, destination-unreachable, time-exceeded, parameter-problem, redirect } accept',
    'icmpv6 type { echo-request, destination-unreachable, packet-too-big, time-exceeded, parameter-problem, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
  ];
}

/** The answers to those. No echo request: a process must not carry data out in pings. */
function icmpOut(): string[] {
  return [
    'icmp type { echo-reply, timestamp-reply, destination-unreachable, time-exceeded, parameter-problem, redirect } accept',
    'icmpv6 type { echo-reply, destination-unreachable, packet-too-big, time-exceeded, parameter-problem, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
  ];
}

function ownChannelOut(endpoint: Endpoint, agent: AgentIdentity): string {
  const who = agent.kind === 'cgroup' ? cgroupMatch(agent.cgroup) : `meta skuid ${agent.uid}`;
  return `${ipField(endpoint)} daddr ${endpoint.address} tcp dport ${endpoint.port} ${who} accept`;
}

/**
 * Replies of the server, by address alone: which process a packet is for is not reliably known on input
 * (`meta skuid` needs early demux), and without the outgoing half above no other process has a connection.
 */
function ownChannelIn(endpoint: Endpoint): string {
  return `${ipField(endpoint)} saddr ${endpoint.address} tcp sport ${endpoint.port} ${NOT_SYN_ONLY} accept`;
}

/**
 * TCP needs no connection tracking: only a packet with SYN and without ACK opens a connection, so every other packet
 * may belong to a connection opened from either side. See docs/decisions/0003-replies-without-marks.md.
 */
function tcpIn(): string[] {
  return [
    'jump opened_there_in',
    `${NOT_SYN_ONLY} jump opened_here_in`,
    // The answer that the operating system would give for a closed port.
    `${SYN_ONLY} reject with tcp reset`,
    // No reset for other packets: while a table is swapped the kernel can miss an element of a set, and a reset would end
    // a connection that both plans allow. A packet that is dropped is sent again.
    'drop',
  ];
}

function tcpOut(): string[] {
  return [
    'jump opened_here_out',
    `${NOT_SYN_ONLY} jump opened_there_out`,
    // Resets for closed ports, of the rule above and of `ss -K`: the other end has to learn of it.
    'tcp flags & (fin | syn | rst) == rst accept',
    // An error at once instead of a time-out. A reset, because an ICMPv6 error that arrives while the program is still
    // inside connect() is lost, and the program would wait for the next attempt.
    `${SYN_ONLY} reject with tcp reset`,
    'drop',
  ];
}

function otherIn(): string[] {
  return [
    'meta l4proto tcp goto tcp_in',
    'ct direction original jump opened_there_in',
    'ct direction reply jump opened_here_in',
    'drop',
  ];
}

function otherOut(): string[] {
  return [
    'meta l4proto tcp goto tcp_out',
    'ct direction original jump opened_here_out',
    'ct direction reply jump opened_there_out',
    'reject with icmpx type admin-prohibited',
  ];
}

function holdSet(expiresInMs: number | undefined): string {
  // A timeout of zero would mean "never" to the kernel.
  const timeout = expiresInMs === undefined ? '' : ` timeout ${Math.max(1, Math.ceil(expiresInMs))}ms`;
  return `  set ${HOLD_SET} { type nf_proto; flags timeout; elements = { ipv4${timeout}, ipv6${timeout} }; }`;
}

function setText({ name, type, ranges, elements }: NftSet): string {
  const flags = ranges ? ' flags interval;' : '';
  return `  set ${name} { type ${type};${flags} elements = { ${elements.join(', ')} }; }`;
}

function mapText({ name, elements }: ProgramMap): string {
  return `  map ${name} { type cgroupsv2 : verdict; elements = { ${elements.join(', ')} }; }`;
}

function chainText({ name, hook, rules }: Chain, priority: number): string {
  const header = hook ? [`    type filter hook ${hook} priority ${priority}; policy accept;`] : [];
  return [`  chain ${name} {`, ...header, ...rules.map((rule) => `    ${rule}`), '  }'].join('\n');
}

/** nft wants a chain to be there before a rule jumps to it. */
function orderedForReference(chains: readonly Chain[]): Chain[] {
  return [...chains.filter(({ hook }) => !hook), ...chains.filter(({ hook }) => hook)];
}

function ipField({ address }: Endpoint): 'ip' | 'ip6' {
  return address.includes(':') ? 'ip6' : 'ip';
}

function mergeUnsupported(
  first: readonly UnsupportedRule[],
  second: readonly UnsupportedRule[],
): UnsupportedRule[] {
  const byName = new Map<string, string>();
  for (const { name, detail } of [...second, ...first]) byName.set(name, detail);
  return [...byName].map(([name, detail]) => ({ name, detail }));
}
