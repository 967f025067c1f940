import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../shared/clock.js';
import { readIfThere, writeDurably } from '../../shared/durable-file.js';
import { isPlainAddress } from '../../shared/exclusions/address.js';
import type { Endpoint } from '../enforce/plan.js';
import { resolveWithin, type Lookup } from '../isolation/names.js';

/** A place to connect to, by name or address. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const endpoints = z.array(
  z.object({ address: z.string().refine(isPlainAddress), port: z.number().int().min(1).max(65_535) }),
);
const fileSchema = z.object({ agent: endpoints, management: endpoints });

/** More addresses than any server has; a bound on what a name or a server can make us keep. */
const MOST_ADDRESSES = 32;

/**
 * Addresses of the server, resolved while the network is open and kept on disk: an isolated device, also one that has
 * just started, finds its server without asking anybody for names.
 */
export class ServerAddresses {
  private readonly path: string;
  private agent: readonly Endpoint[] = [];
  private management: readonly Endpoint[] = [];
  private told: readonly Endpoint[] = [];

  /** @param agentPort places of the agent port; @param managementPort place of the management port */
  constructor(
    dataDir: string,
    private readonly agentPort: readonly HostPort[],
    private readonly managementPort: HostPort,
    private readonly clock: Clock,
    private readonly lookup: Lookup,
  ) {
    this.path = join(dataDir, 'server-addresses.json');
    const kept = readIfThere(this.path);
    if (kept === undefined) return;
    const parsed = fileSchema.safeParse(tryJson(kept));
    if (parsed.success) ({ agent: this.agent, management: this.management } = parsed.data);
  }

  /** Looks the names up again. A name without an answer keeps the addresses that it had. */
  async refresh(): Promise<void> {
    const agent = (await Promise.all(this.agentPort.map((place) => this.resolve(place)))).flat();
    const management = await this.resolve(this.managementPort);
    this.pin(agent.length > 0 ? agent : this.agent, management.length > 0 ? management : this.management);
  }

  /** The server told where else agents find it. What is no plain address is left out: the packet filter takes no other. */
  learn(told: readonly Endpoint[]): void {
    this.told = told.filter(({ address }) => isPlainAddress(address)).slice(0, MOST_ADDRESSES);
    this.pin(this.agent, this.management);
  }

  /** Addresses of the agent port, to dial one after the other. */
  agentEndpoints(): readonly Endpoint[] {
    return this.agent;
  }

  /** Addresses of the management port. */
  managementEndpoints(): readonly Endpoint[] {
    return this.management;
  }

  /** All that has to stay reachable while isolated: the stream, and the renewal of an expired certificate. */
  pinned(): readonly Endpoint[] {
    return unique([...this.agent, ...this.management]);
  }

  private async resolve({ host, port }: HostPort): Promise<Endpoint[]> {
    const addresses = await resolveWithin(this.clock, this.lookup, host);
    return addresses.map((address) => ({ address, port }));
  }

  private pin(agent: readonly Endpoint[], management: readonly Endpoint[]): void {
    const next = { agent: unique([...agent, ...this.told]), management: unique(management) };
    if (JSON.stringify(next) === JSON.stringify({ agent: this.agent, management: this.management })) return;
    writeDurably(this.path, `${JSON.stringify(next)}\n`, 0o600);
    ({ agent: this.agent, management: this.management } = next);
  }
}

function unique(list: readonly Endpoint[]): Endpoint[] {
  const seen = new Map(list.map(({ address, port }) => [`${address} ${port}`, { address, port }]));
  return [...seen.values()].slice(0, MOST_ADDRESSES);
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
