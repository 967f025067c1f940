import type { Clock } from '../../../shared/clock.js';
import { EnforceError } from '../enforcer.js';
import type { WfpEngine } from './engine-interface.js';
import { isSessionLost, WfpError } from './errors.js';

/** BFE answers within milliseconds, and a transaction gives up on its lock long before this. */
const ANSWER_WITHIN_MS = 60_000;
const NO_ANSWER = `BFE hangs: a call has not come back within ${ANSWER_WITHIN_MS / 1000} s; restart the computer if it stays so`;

/**
 * Keeps one session of the filter engine open from its first use on. One that has become useless is replaced, and the work
 * is done again in the new one: work has to be such that doing it twice does no harm. One use at a time.
 */
export class EngineKeeper {
  private engine: WfpEngine | undefined;
  /** A call that was given up has not come back yet. */
  private stuck = false;

  constructor(
    private readonly open: () => Promise<WfpEngine>,
    private readonly clock: Clock,
  ) {}

  /** @throws EnforceError with the reason of Windows and what to do about it */
  async use<T>(work: (engine: WfpEngine) => Promise<T>): Promise<T> {
    const kept = this.engine !== undefined;
    try {
      return await this.attempt(work).catch((error: unknown) => {
        // A session that was opened just now does not get better by opening it again.
        if (kept && isSpent(error)) return this.attempt(work);
        throw error;
      });
    } catch (error) {
      throw toEnforceError(error);
    }
  }

  async close(): Promise<void> {
    const { engine } = this;
    this.engine = undefined;
    // One that is lost cannot be closed, and need not be: it ends with this process at the latest.
    await engine?.close().catch(() => undefined);
  }

  private async attempt<T>(work: (engine: WfpEngine) => Promise<T>): Promise<T> {
    try {
      return await this.inTime(work);
    } catch (error) {
      if (isSpent(error)) this.abandon();
      throw error;
    }
  }

  private inTime<T>(work: (engine: WfpEngine) => Promise<T>): Promise<T> {
    // Each call that hangs holds a thread of this process, and there are few.
    if (this.stuck) return Promise.reject(new EnforceError(NO_ANSWER));
    return new Promise((resolve, reject) => {
      let late = false;
      const cancel = this.clock.after(ANSWER_WITHIN_MS, () => {
        late = this.stuck = true;
        this.abandon();
        reject(new EnforceError(NO_ANSWER));
      });
      const run = async (): Promise<T> => {
        const engine = this.engine ?? (await this.open());
        // By now another session may be the one that is kept.
        if (late) await engine.close();
        else this.engine = engine;
        return await work(engine);
      };
      const ended = (): void => {
        cancel();
        if (late) this.stuck = false;
      };
      run().then(resolve, reject).finally(ended);
    });
  }

  /** Nobody waits for the end of a session that may not answer any more. */
  private abandon(): void {
    void this.close();
  }
}

/** What was under way in the session is undone, and it is of no use any more. */
function isSpent(error: unknown): boolean {
  if (isSessionLost(error)) return true;
  // The former: left over from before a sleep.
  return error instanceof WfpError && (error.is('FWP_E_TXN_IN_PROGRESS') || error.is('FWP_E_TXN_ABORTED'));
}

function toEnforceError(error: unknown): EnforceError {
  if (error instanceof EnforceError) return error;
  return new EnforceError(error instanceof Error ? error.message : String(error), { cause: error });
}
