import { printable } from '../../shared/command-line/printable.js';
import type { TextSink } from '../io.js';
import { progressText, type Wait } from './progress.js';

/** Shows a wait while it goes on. */
export interface WaitView {
  show(wait: Wait): void;
}

/** More lines than this do not fit a terminal: the rest is counted. */
const MOST_LINES = 12;

/** In place on a terminal; elsewhere one line a change. */
export function createWaitView(sink: TextSink, now: () => number): WaitView {
  return sink.isTTY ? inPlaceView(sink, now) : lineView(sink, now);
}

/** Progress of every device, in the order of the orders. */
export function waitLines(wait: Wait, now: number): string[] {
  return wait.orders.map(({ deviceId, deviceName }) => {
    const progress = wait.progress.get(deviceId) ?? { kind: 'unknown' };
    return printable(`${deviceName || deviceId}: ${progressText(progress, now)}`);
  });
}

function lineView(sink: TextSink, now: () => number): WaitView {
  const shown = new Map<string, string>();
  return {
    show(wait) {
      for (const { deviceId, deviceName } of wait.orders) {
        const progress = wait.progress.get(deviceId) ?? { kind: 'unknown' };
        // The time since a device was last seen goes on; that is no news.
        const news = progress.kind === 'offline' ? 'offline' : progressText(progress, now());
        if (shown.get(deviceId) === news) continue;
        shown.set(deviceId, news);
        sink.write(`${printable(`${deviceName || deviceId}: ${progressText(progress, now())}`)}\n`);
      }
    },
  };
}

function inPlaceView(sink: TextSink, now: () => number): WaitView {
  let height = 0;
  return {
    show(wait) {
      const width = Math.max(20, (sink.columns ?? 80) - 1);
      const lines = foldLines(wait, now()).map((line) => line.slice(0, width));
      const up = height > 0 ? `\x1b[${height}A` : '';
      sink.write(`${up}\x1b[J${lines.join('\n')}\n`);
      height = lines.length;
    },
  };
}

/** Those that are not done come first when there is not room for all. */
function foldLines(wait: Wait, now: number): string[] {
  const lines = waitLines(wait, now);
  if (lines.length <= MOST_LINES) return lines;
  const rank = (index: number): number =>
    wait.progress.get(wait.orders[index]?.deviceId ?? '')?.kind === 'done' ? 1 : 0;
  const order = lines.map((_, index) => index).sort((a, b) => rank(a) - rank(b));
  const done = order.filter((index) => rank(index) === 1).length;
  const top = order.slice(0, MOST_LINES - 1).map((index) => lines[index] ?? '');
  return [...top, `… ${done} of ${lines.length} done`];
}
