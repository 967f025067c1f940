import { readFileSync } from 'node:fs';
import { EnforceError } from '../enforcer.js';
import { runTool } from '../run-tool.js';
import { checkTransaction, nftVersion } from './nft.js';
import { renderPlan } from './render.js';

const CAP_NET_ADMIN = 12n;

/**
 * Checks everything that enforcing needs without changing a rule.
 * @throws EnforceError that says what is missing and how to get it
 */
export async function probeNftables(): Promise<void> {
  const version = await nftVersion();
  if ((version[0] ?? 0) < 1) {
    throw new EnforceError(
      `nft ${version.join('.')} is too old; 1.0 or newer is needed: sudo apt-get install nftables`,
    );
  }
  await runTool('ss', 'iproute2', ['-V']);
  if (!hasNetAdmin(readFileSync('/proc/self/status', 'utf8'))) {
    throw new EnforceError('the capability CAP_NET_ADMIN is missing: run the agent as root');
  }
  await checkTransaction(sampleTable());
}

/** Whether the effective capabilities of `/proc/PID/status` contain CAP_NET_ADMIN. */
function hasNetAdmin(status: string): boolean {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return ((mask >> CAP_NET_ADMIN) & 1n) === 1n;
}

/** Uses each kernel feature that a plan can need, so that one that is missing is found before it matters. */
function sampleTable(): string {
  const port = { first: 53, last: 53 };
  const any = { localPorts: [], localAddresses: [], remoteAddresses: [], application: undefined };
  return renderPlan(
    {
      planId: '0',
      isolationId: '',
      serverEndpoints: [
        { address: '192.0.2.1', port: 1 },
        { address: '2001:db8::1', port: 1 },
      ],
      rules: [
        { ...any, name: 'port', inbound: true, outbound: true, protocol: 17, remotePorts: [port] },
        {
          ...any,
          name: 'address and port',
          inbound: true,
          outbound: true,
          protocol: 6,
          remotePorts: [port],
          remoteAddresses: [
            { family: 4, first: '192.0.2.0', last: '192.0.2.9', text: '192.0.2.0-192.0.2.9' },
          ],
        },
      ],
      unresolved: [],
      expiresInMs: 60_000,
    },
    { agent: { kind: 'user', uid: 0 }, findCgroup: () => undefined },
  ).text;
}
