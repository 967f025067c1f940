import { printable } from '../../shared/command-line/printable.js';
import type { TextSink } from '../io.js';
import { createLinesView } from './lines.js';
import { progressText, type Wait } from './progress.js';

/** Shows a wait while it goes on. */
export interface WaitView {
  show(wait: Wait): void;
}

/** Progress of every device, in the order of the orders. */
export function createWaitView(sink: TextSink, now: () => number): WaitView {
  const show = createLinesView(sink);
  return {
    show: (wait) =>
      show(
        wait.orders.map(({ deviceId, deviceName }) => {
          const progress = wait.progress.get(deviceId) ?? { kind: 'unknown' };
          const text = progressText(progress, now());
          return {
            key: deviceId,
            text: printable(`${deviceName || deviceId}: ${text}`),
            // The time since a device was last seen goes on; that is no news.
            news: progress.kind === 'offline' ? 'offline' : text,
            done: progress.kind === 'done',
          };
        }),
      ),
  };
}
