import { runTool } from '../../enforce/run-tool.js';
import { fail, pass, type Check, type Outcome } from '../check.js';
import { LOOPBACK, Listener, ends, type Family } from '../loopback.js';

/** Ends an own connection on loopback the way that isolating ends those of others. */
async function endOwn(family: Family): Promise<Outcome> {
  const listener = await Listener.open(family);
  try {
    const { client, server } = await listener.pair();
    const ended = Promise.all([ends(client), ends(server)]);
    const host = family === 6 ? `[${LOOPBACK[6]}]` : LOOPBACK[4];
    const socket = `${host}:${client.localPort}`;
    await runTool('ss', 'iproute2', ['-K', '-H', '-n', '-t', '-a', 'src', socket]);
    if ((await ended).every(Boolean)) return pass('both ends of it were told');
    return fail(
      'ss -K left it open',
      'use a kernel with CONFIG_INET_DIAG_DESTROY, and run this as root; open connections stall here instead of ending',
    );
  } finally {
    listener.close();
  }
}

const check = (family: Family): Check => ({
  name: `tcp-end-v${family}`,
  platform: 'linux',
  claim: `the kernel ends an open TCP connection over IPv${family} when it is asked to`,
  run: () => endOwn(family),
});

export const connectionChecks: readonly Check[] = [check(4), check(6)];
