import { spawn } from 'node:child_process';
import { Observable } from 'rxjs';
import { reconnectDelay } from '../../../shared/backoff.js';
import type { CancelTimer, Clock } from '../../../shared/clock.js';
import { toolEnvironment } from '../run-tool.js';

/** The monitor comes back quickly: while it is away, nobody watches. */
const RESTART = { spreadMs: 50, minMs: 50, maxMs: 5_000, healthyAfterMs: 10_000 } as const;
/** Longest part of a line that is kept while waiting for its end, characters. */
const MAX_PENDING = 1024 * 1024;

/**
 * Emits a sentence for every event of the kernel that names our table, and whenever events may have been missed.
 * Events do not tell who caused them: our own transactions emit too. Unsubscribing ends the child process.
 */
export function monitorEvents(clock: Clock, random: () => number): Observable<string> {
  return new Observable((subscriber) => {
    let failures = 0;
    let stop: () => void = () => undefined;

    const start = (): void => {
      const startedAt = clock.sinceBoot();
      const child = spawn('nft', ['-j', 'monitor'], {
        env: toolEnvironment(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let ended = false;
      let pending = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        const lines = (pending + chunk).split('\n');
        pending = (lines.pop() ?? '').slice(-MAX_PENDING);
        const ours = lines.find((line) => line.includes('"cordon"'));
        if (ours !== undefined) subscriber.next(describe(ours));
      });
      // nft writes here when the kernel had more events than it could take.
      child.stderr.on('data', () => subscriber.next('the monitor lost events'));
      const onEnd = (): void => {
        if (ended) return;
        ended = true;
        failures = clock.sinceBoot() - startedAt >= RESTART.healthyAfterMs ? 0 : failures + 1;
        const cancel: CancelTimer = clock.after(reconnectDelay(RESTART, failures, random()), () => {
          start();
          subscriber.next('the monitor was away');
        });
        stop = cancel;
      };
      child.on('error', onEnd);
      child.on('close', onEnd);
      stop = () => {
        ended = true;
        child.kill('SIGKILL');
      };
    };

    start();
    return () => stop();
  });
}

function describe(line: string): string {
  const found = /^\{"(\w+)": \{"(\w+)":/.exec(line);
  return found ? `${found[1]} of a ${found[2]} in table cordon` : 'a change in table cordon';
}
