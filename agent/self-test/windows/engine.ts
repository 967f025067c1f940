import type { FilterChange } from '../../enforce/wfp/types.js';
import { fail, pass, type Check, type Outcome } from '../check.js';
import { tcpTo } from './conditions.js';
import { openScratchEngine, SESSION_NAME } from './open.js';
import { inAbortedTransaction, withDynamic } from './scratch.js';

/** Time in which Windows must tell of a change, milliseconds. */
const TELL_WITHIN_MS = 2_000;

async function opens(): Promise<Outcome> {
  const engine = await openScratchEngine({ dynamic: true });
  try {
    const own = (await engine.sessions()).find(({ processId }) => processId === process.pid);
    if (!own)
      return fail('the own session is not among those that are listed', 'send this line with a report');
    return pass(`as ${own.username}, session "${own.name}"`);
  } finally {
    await engine.close();
  }
}

async function mayWrite(): Promise<Outcome> {
  await inAbortedTransaction('persistent', () => Promise.resolve());
  return pass('provider and sublayer were added, and undone');
}

async function subscription(): Promise<Outcome> {
  // Windows tells a session nothing of its own changes.
  const watcher = await openScratchEngine({ dynamic: true });
  try {
    return await withDynamic(async (scratch) => {
      const filter = scratch.filter('ALE_AUTH_CONNECT_V4', tcpTo(9));
      const told: FilterChange['kind'][] = [];
      await watcher.subscribe(({ key, kind }) => {
        if (key === filter.key) told.push(kind);
      }, scratch.provider.key);
      await scratch.engine.addFilters([filter]);
      await scratch.engine.deleteFilters([filter.key]);
      const start = performance.now();
      const took = (): number => performance.now() - start;
      while (told.length < 2 && took() < TELL_WITHIN_MS)
        await new Promise((resolve) => setTimeout(resolve, 20));
      if (told.join() === 'added,deleted') return pass(`both were told within ${Math.round(took())} ms`);
      return fail(
        `told of ${told.join(' and ') || 'nothing'} within ${TELL_WITHIN_MS / 1000} s`,
        'rules that somebody removes are noticed only when the agent looks by itself; send this line with a report',
      );
    });
  } finally {
    await watcher.close();
  }
}

async function lockHolder(): Promise<Outcome> {
  const name = `${SESSION_NAME}, holding the lock`;
  const holder = await openScratchEngine({ dynamic: true, name });
  const waiting = await openScratchEngine({ dynamic: true, lockWaitMs: 200 });
  try {
    return await holder.transaction(async () => {
      try {
        await waiting.transaction(() => Promise.resolve());
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        if (said.includes(name) && said.includes('FWP_E_TIMEOUT')) return pass(said);
        return fail(`it says: ${said}`, 'send this line with a report');
      }
      return fail('two transactions were open at once', 'send this line with a report');
    });
  } finally {
    await waiting.close();
    await holder.close();
  }
}

export const engineChecks: readonly Check[] = [
  {
    name: 'wfp-engine',
    platform: 'win32',
    claim: 'the Base Filtering Engine runs and can be opened',
    run: opens,
  },
  {
    name: 'wfp-rights',
    platform: 'win32',
    claim: 'this process may change filters (it is elevated, or the service)',
    run: mayWrite,
  },
  {
    name: 'wfp-subscription',
    platform: 'win32',
    claim: 'Windows tells of every change of filters',
    run: subscription,
  },
  {
    name: 'wfp-lock',
    platform: 'win32',
    claim: 'a transaction that waits too long for another one says who holds it up',
    run: lockHolder,
  },
];
