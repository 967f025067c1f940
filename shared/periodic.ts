import type { CancelTimer, Clock } from './clock.js';

/**
 * Runs `task` again and again, each time `ms` milliseconds after the run before has ended, the first time after `ms`. A
 * run that fails is told to `failed`, and the next one comes as usual. The returned function ends it.
 */
export function every(
  clock: Clock,
  ms: number,
  task: () => Promise<void>,
  failed: (error: unknown) => void,
): CancelTimer {
  let ended = false;
  let cancel: CancelTimer = () => undefined;
  const arm = (): void => {
    if (!ended) cancel = clock.after(ms, () => void task().catch(failed).finally(arm));
  };
  arm();
  return () => {
    ended = true;
    cancel();
  };
}
