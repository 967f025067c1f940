import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Sends a request to a measuring process and waits for its one answer. @throws Error if the process ends first */
export async function ask<Answer>(child: ChildProcess, request: object): Promise<Answer> {
  const ended = new AbortController();
  const onExit = (): void => ended.abort(new Error('the measuring process ended early'));
  child.once('exit', onExit);
  try {
    const answered = once(child, 'message', { signal: ended.signal });
    child.send(request);
    const [answer] = (await answered) as [Answer];
    return answer;
  } finally {
    child.off('exit', onExit);
  }
}
