import { setTimeout as sleep } from 'node:timers/promises';
import { listSockets } from '../../../agent/enforce/iphlp/connections.js';

/** Wine starts the driver that knows of sockets while the first program runs already; milliseconds. */
const PATIENCE_MS = 30_000;

/** What Windows lists, as soon as it can. @throws EnforceError as `listSockets` */
export async function firstList(): ReturnType<typeof listSockets> {
  for (const begun = performance.now(); performance.now() - begun < PATIENCE_MS; await sleep(100)) {
    const list = await listSockets().catch(() => undefined);
    if (list) return list;
  }
  return listSockets();
}
