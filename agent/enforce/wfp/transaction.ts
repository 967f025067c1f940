import { check, type SessionCalls } from './calls.js';
import type { WfpObjects } from './engine-interface.js';
import { codeOf, WfpError } from './errors.js';
import type { Guid } from './guids.js';
import { SessionObjects } from './objects.js';
import { Queue } from './queue.js';
import type { Session } from './types.js';

/** Each waits for the lock as long as the session says. */
const TRIES = 3;
const PAUSE_MS = 50;
const TIMEOUT = codeOf('FWP_E_TIMEOUT');
const IN_PROGRESS = codeOf('FWP_E_TXN_IN_PROGRESS');

export interface TransactionParts {
  /** Who uses the engine, asked when the lock cannot be had. */
  readonly sessions: () => Promise<readonly Session[]>;
  /** Key of this session, which is not the holder. */
  readonly ownKey: Guid;
  /** 0 to 1; spreads those who wait for the same lock. */
  readonly random: () => number;
}

/** Runs `work` between begin and commit, or abort where it rejects. The only work in hand on the session (engine.ts). */
export async function runTransaction<Result>(
  calls: SessionCalls,
  work: (objects: WfpObjects) => Promise<Result>,
  parts: TransactionParts,
): Promise<Result> {
  await begin(calls, parts);
  const queue = new Queue();
  try {
    const result = await settled(queue, work(new SessionObjects(calls, queue, 'holds the lock')));
    check('FwpmTransactionCommit0', await calls.later('FwpmTransactionCommit0'));
    return result;
  } catch (error) {
    await abort(calls);
    throw error;
  }
}

/** Waits also for the calls that nobody waited for: they belong to the transaction, and later ones do not. */
async function settled<Result>(queue: Queue, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } finally {
    queue.close();
    await queue.idle();
  }
}

async function begin(calls: SessionCalls, parts: TransactionParts): Promise<void> {
  let leftOver = false;
  for (let tried = 1; ; tried++) {
    const code = await calls.later('FwpmTransactionBegin0', 0);
    if (code === 0) return;
    if (code === IN_PROGRESS && !leftOver) {
      // Seen by others after the computer slept: one of ours was left open, so nobody else can be in it.
      leftOver = true;
      await abort(calls);
      continue;
    }
    if (code !== TIMEOUT) throw new WfpError('FwpmTransactionBegin0', code);
    if (tried === TRIES) throw await lockHeld(code, parts);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * (1 + parts.random())));
  }
}

/** Its failure would hide the error that led here; a transaction that is gone already needs no abort. */
async function abort(calls: SessionCalls): Promise<void> {
  if (calls.ended) return;
  await calls.later('FwpmTransactionAbort0').catch(() => undefined);
}

/** Windows does not say who holds the lock, only who has a session: the holder is one of them. */
async function lockHeld(code: number, { sessions, ownKey }: TransactionParts): Promise<WfpError> {
  const others = await sessions().then(
    (all) => all.filter(({ key }) => key !== ownKey).map(described),
    () => [],
  );
  const detail =
    others.length === 0
      ? `tried ${TRIES} times`
      : `tried ${TRIES} times; the lock is held by one of: ${others.join(', ')}`;
  return new WfpError('FwpmTransactionBegin0', code, { detail });
}

/** On one line, whatever another program calls itself. */
function described(session: Session): string {
  const { processId, kernelMode } = session;
  const [name, username] = [session.name, session.username].map((text) => text.replace(/\p{Cc}+/gu, ' ')) as [
    string,
    string,
  ];
  const who = kernelMode ? 'a driver' : `process ${processId}${username === '' ? '' : ` of ${username}`}`;
  return name === '' ? who : `"${name}" (${who})`;
}
