import type { Fleet } from '../net/fleet/fleet.js';
import type { Host, Outcome, Site } from '../net/site/index.js';

/** Ports of the demo. The echo servers listen on all hosts; nothing listens on the closed one. */
export const ECHO_PORT = 7;
const CLOSED_PORT = 9;

export type Phase = 'before' | 'during' | 'after';

/** One thing that is measured in each phase, and what is promised of it. */
export interface Row {
  readonly name: string;
  /** What must be seen in each phase, in the words of the cell. */
  readonly promised: Readonly<Record<Phase, RegExp>>;
  /** Makes the measurement; the text of the cell. */
  measure(): Promise<string>;
}

export const OPEN = /^open/;
const ANSWERED = /^answered/;
export const CUT = /^(blocked|refused|no answer|unreachable)/;
const always = (text: RegExp): Row['promised'] => ({ before: text, during: text, after: text });
const cutWhileIsolated = (text: RegExp): Row['promised'] => ({ before: text, during: CUT, after: text });

/** Every row of the table but those about the orders themselves. The first device is the one to be isolated. */
export function rows({ devices, outside, routed }: Site, fleet: Fleet): Row[] {
  const [device, other] = devices;
  if (!device || !other || !routed) throw new Error('the demo needs two devices and a routed host');
  const both = (
    name: string,
    promised: Row['promised'],
    measure: (version: 'v4' | 'v6') => Promise<string>,
  ): Row[] =>
    (['v4', 'v6'] as const).map((version) => ({
      name: `${name}, IP${version}`,
      promised,
      measure: () => measure(version),
    }));
  return [
    ...both('new TCP out of the device', cutWhileIsolated(OPEN), (version) =>
      tcp(device, outside[version], ECHO_PORT),
    ),
    ...both('new TCP into the device', cutWhileIsolated(OPEN), (version) =>
      tcp(outside, device[version], ECHO_PORT),
    ),
    ...both('UDP out of the device', cutWhileIsolated(ANSWERED), (version) => udp(device, outside[version])),
    ...both('UDP into the device', cutWhileIsolated(ANSWERED), (version) => udp(outside, device[version])),
    ...both('ping of the device answered', always(ANSWERED), (version) => ping(outside, device[version])),
    ...both('RST for a closed port', always(/^refused/), (version) =>
      tcp(outside, device[version], CLOSED_PORT),
    ),
    ...both('traffic forwarded by the device', always(OPEN), (version) =>
      tcp(routed, outside[version], ECHO_PORT),
    ),
    {
      name: 'loopback on the device',
      promised: always(OPEN),
      measure: () => tcp(device, '127.0.0.1', ECHO_PORT),
    },
    {
      name: 'another device, TCP out',
      promised: always(OPEN),
      measure: () => tcp(other, outside.v4, ECHO_PORT),
    },
    {
      name: 'management stream alive',
      promised: always(/^alive/),
      measure: () => stream(fleet, device),
    },
  ];
}

const ms = (time: number): string => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;

/** A new connection; how it ended and when. */
export async function tcp(from: Host, address: string, port: number): Promise<string> {
  const tools = await from.tools();
  const { outcome, ms: time } = await tools.call('tcpConnect', { address, port, timeoutMs: 1000 });
  return `${worded(outcome)} ${ms(time)}`;
}

function worded(outcome: Outcome): string {
  return outcome === 'timeout' ? 'no answer' : outcome;
}

async function udp(from: Host, address: string): Promise<string> {
  const tools = await from.tools();
  const answer = await tools.call('udpExchange', { address, port: ECHO_PORT, timeoutMs: 1000 });
  return answer.answered ? `answered ${ms(answer.ms)}` : 'no answer';
}

async function ping(from: Host, address: string): Promise<string> {
  const { code, stdout } = await from.exec('ping', ['-n', '-c', '1', '-W', '1', address]);
  const time = /time=([\d.]+)/.exec(stdout)?.[1];
  return code === 0 ? `answered ${time ?? '?'} ms` : 'no answer';
}

/** A command that goes down the stream and comes back up. */
async function stream(fleet: Fleet, device: Host): Promise<string> {
  const started = performance.now();
  const { code } = await fleet.tryCli('command', 'self-test', device.name, '--wait');
  return code === 0 ? `alive ${ms(performance.now() - started)}` : 'dead';
}
