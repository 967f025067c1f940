import { fail, pass, type Check, type Outcome } from '../check.js';
import { FAMILIES, Listener, ends, type Family } from '../loopback.js';

const ADDRESS: Record<Family, Buffer> = {
  4: Buffer.from([127, 0, 0, 1]),
  6: Buffer.from('00000000000000000000000000000001', 'hex'),
};
const STALLS =
  'such connections that are open when an isolation starts stall in place of ending; see that wfp-open-connection passes';

/** Ends an own connection on loopback the way that isolating ends those of others. */
async function endOwn(family: Family): Promise<Outcome> {
  const { windowsCalls } = await import('../../enforce/iphlp/calls.js');
  const { deleteTcpRow, nsiTcpKey } = await import('../../enforce/iphlp/delete-rows.js');
  const { setTcpEntry, deleteTcp6 } = await windowsCalls();
  if (family === 6 && typeof deleteTcp6 === 'string') return fail(deleteTcp6, STALLS);
  const listener = await Listener.open(family);
  try {
    const { client, server } = await listener.pair();
    const end = (port: number) => ({ address: ADDRESS[family], scopeId: 0, port });
    const [local, remote] = [end(client.localPort ?? 0), end(listener.port)];
    const ended = Promise.all([ends(client), ends(server)]);
    const code =
      typeof deleteTcp6 === 'function' && family === 6
        ? deleteTcp6(nsiTcpKey(local, remote))
        : setTcpEntry(deleteTcpRow(local, remote));
    if (code !== 0) return fail(`Windows error ${code}`, 'run the self-test as Administrator');
    if ((await ended).every(Boolean)) return pass('both ends of it were told');
    return fail('Windows says that it has ended it, and it is still there', STALLS);
  } finally {
    listener.close();
  }
}

export const windowsConnectionChecks: readonly Check[] = FAMILIES.map((family) => ({
  name: `tcp-end-v${family}`,
  platform: 'win32',
  claim: `Windows ends an open TCP connection over IPv${family} when it is asked to`,
  run: () => endOwn(family),
}));
