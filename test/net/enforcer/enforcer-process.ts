import { connect, type Socket } from 'node:net';
import type { Fingerprint } from '../../../agent/enforce/enforcer.js';
import { NftablesEnforcer } from '../../../agent/enforce/nftables/nftables-enforcer.js';
import type { Plan } from '../../../agent/enforce/plan.js';

/** Stands for the agent inside a device's namespace: does with the real enforcer what its parent asks over IPC. */

const enforcer = new NftablesEnforcer();
const disturbances: { detail: string; at: number }[] = [];
let watch: { unsubscribe(): void } | undefined;
let channel: Socket | undefined;
let echoed = 0;

type Calls = Record<string, (argument: never) => unknown>;

const calls = {
  apply: (plan: Plan) => enforcer.apply(plan),
  clear: () => enforcer.clear(),
  inspect: (expected: { planId: string; rulesHash: string } | undefined) =>
    enforcer.inspect(expected && toFingerprint(expected)),
  terminate: (plan: Plan) => enforcer.terminate(plan),
  connections: () => enforcer.connections(),
  probe: () => enforcer.probe(),
  startWatch: () => {
    watch = enforcer.watch().subscribe(({ detail }) => disturbances.push({ detail, at: Date.now() }));
  },
  stopWatch: () => watch?.unsubscribe(),
  disturbances: () => disturbances.splice(0),
  /** Opens the agent's own connection to its server. */
  dial: ({ address, port }: { address: string; port: number }) =>
    new Promise<void>((resolve, reject) => {
      channel = connect(port, address, () => resolve());
      channel.on('error', reject);
      channel.on('close', () => (channel = undefined));
      channel.on('data', (data) => (echoed += data.length));
    }),
  /** Sends over it and says how many bytes came back within 500 ms; -1 when it is closed. */
  speak: async () => {
    if (!channel) return -1;
    echoed = 0;
    channel.write('ping');
    for (let waited = 0; waited < 500 && echoed === 0; waited += 10) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return echoed;
  },
} satisfies Calls;

export type EnforcerCalls = typeof calls;

function toFingerprint({ planId, rulesHash }: { planId: string; rulesHash: string }): Fingerprint {
  return { planId, rulesHash: Buffer.from(rulesHash, 'hex') };
}

interface Request {
  readonly id: number;
  readonly name: keyof EnforcerCalls;
  readonly argument: never;
}

process.on('message', ({ id, name, argument }: Request) => {
  void (async () => {
    try {
      process.send?.({ id, value: (await (calls as Calls)[name]?.(argument)) ?? null });
    } catch (error) {
      process.send?.({ id, failure: String(error) });
    }
  })();
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });
