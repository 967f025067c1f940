import type { Clock } from '../../../shared/clock.js';
import { sleep } from '../../../shared/clock.js';
import { ResponseAction, type ResponseOutcome } from '../../../shared/gen/cordon/v1/ioc.js';
import type { ScanMatch } from '../scan-messages.js';
import { outcome } from './outcome.js';
import type { LookAtProcess } from './processes.js';

/** Start times from two sources, and a clock that was corrected in between. An id is not given again that fast. */
const START_MAY_DIFFER_MS = 2_000;
/** How long a process may take to be gone: one in a system call ends after it. */
const GONE_WITHIN_MS = 2_000;
const LOOK_EVERY_MS = 20;

export interface KillParts {
  readonly clock: Clock;
  readonly look: LookAtProcess;
  /** @throws the error of the system */
  readonly kill: (pid: number) => void;
  /** Process id of the agent. */
  readonly self: number;
}

const KILL = ResponseAction.RESPONSE_ACTION_KILL_PROCESS;

/** Kills a process that an indicator matched, if it is still that one and may be. */
export async function killProcess(
  { pid, startTime }: NonNullable<ScanMatch['process']>,
  { clock, look, kill, self }: KillParts,
): Promise<ResponseOutcome> {
  const found = look(pid);
  if (!found || found.ended) return outcome(KILL, 'NOT_NEEDED', `process ${pid} has ended already`);
  if (Math.abs(found.startedAtMs - startTime) > START_MAY_DIFFER_MS) {
    const text = `process ${pid} did not start when the one that matched did: that one has ended, or the clock was set since`;
    return outcome(KILL, 'NOT_NEEDED', text);
  }
  if (found.critical) return outcome(KILL, 'REFUSED', `process ${pid} belongs to the operating system`);
  if (isOwnLine(pid, self, look)) {
    return outcome(KILL, 'REFUSED', `process ${pid} is the agent itself, or one that it was started by`);
  }
  try {
    kill(pid);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return outcome(KILL, 'NOT_NEEDED', `process ${pid} has ended already`);
    return outcome(KILL, 'FAILED', `process ${pid} could not be killed: ${code ?? message}`);
  }
  for (let waited = 0; waited <= GONE_WITHIN_MS; waited += LOOK_EVERY_MS) {
    const now = look(pid);
    if (!now || now.ended || now.startedAtMs !== found.startedAtMs) {
      return outcome(KILL, 'DONE', `process ${pid} was killed`);
    }
    await sleep(clock, LOOK_EVERY_MS);
  }
  return outcome(
    KILL,
    'FAILED',
    `process ${pid} was killed and is still there after ${GONE_WITHIN_MS / 1000} s`,
  );
}

/** The agent and what it was started by, up to the first process. */
function isOwnLine(pid: number, self: number, look: LookAtProcess): boolean {
  const line = new Set<number>();
  for (let each = self; each > 0 && !line.has(each); each = look(each)?.parent ?? 0) line.add(each);
  return line.has(pid);
}
