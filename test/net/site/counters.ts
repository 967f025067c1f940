import type { Host } from './host.js';

/** Counts packets at a host, by the kernel and not by a program. */
export interface PacketCounters {
  /** Packets so far, by the name of each counter. */
  read(): Promise<ReadonlyMap<string, number>>;
  remove(): Promise<void>;
}

/**
 * Where packets are counted. `arriving`: as they come from the link, before any rule of the host. `delivered`: those that
 * every packet filter of the host let through to its own processes.
 */
export type CountingPlace = 'arriving' | 'delivered';

/** One for each place, so that both can be counted at one host. */
const TABLES: Readonly<Record<CountingPlace, string>> = {
  arriving: 'inet site_counters',
  delivered: 'inet site_counters_delivered',
};
const HOOKS: Readonly<Record<CountingPlace, string>> = {
  arriving: 'prerouting priority raw',
  delivered: 'input priority 200',
};

/**
 * @param received what to count among the packets that arrive: names (`[a-z0-9_]+`) with nft conditions, for example
 *   `{ tcp4: 'ip saddr 192.0.2.11 tcp dport 5001' }`
 */
export async function countPackets(
  host: Host,
  received: Readonly<Record<string, string>>,
  place: CountingPlace = 'arriving',
): Promise<PacketCounters> {
  const entries = Object.entries(received);
  const table = TABLES[place];
  const text = [
    `table ${table}`,
    `delete table ${table}`,
    `table ${table} {`,
    ...entries.map(([name]) => `  counter ${name} { }`),
    `  chain counting { type filter hook ${HOOKS[place]}; policy accept;`,
    ...entries.map(([name, conditions]) => `    ${conditions} counter name ${name}`),
    '  }',
    '}',
  ].join('\n');
  await succeed(host, ['-f', '-'], text);
  return {
    read: async () => {
      const listing = await succeed(host, ['list', 'counters', 'table', ...table.split(' ')]);
      const found = listing.matchAll(/counter (\w+) \{\s*packets (\d+)/g);
      return new Map([...found].map(([, name = '', packets]) => [name, Number(packets)]));
    },
    remove: async () => {
      await succeed(host, ['delete', 'table', ...table.split(' ')]);
    },
  };
}

async function succeed(host: Host, args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await host.exec('nft', args, { input });
  if (code !== 0) throw new Error(`nft on ${host.name}: ${stderr.trim()}`);
  return stdout;
}
