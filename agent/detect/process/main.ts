import type { FromScan, ToScan } from './messages.js';
import { giveWay } from './priority.js';
import { runScan, type LocalScan } from './run-scan.js';

/** The scan process: the agent starts it, tells it what to scan, and hears what it comes to. It ends with the agent. */

let scan: LocalScan | undefined;

const end = (code: number): never => process.exit(code);
// The agent is gone. What was not acknowledged is found again by the next process.
process.on('disconnect', () => end(1));
// Ends the process only after everything before it has been handed over.
const tell = (event: FromScan): void => {
  const last = event.kind === 'done' || event.kind === 'failed';
  process.send?.(event, () => (last ? end(0) : undefined));
};

process.on('message', (message: ToScan) => {
  if (message.kind !== 'start') return scan?.control(message);
  if (scan) return;
  giveWay();
  scan = runScan(message.order, tell, () => end(1));
});
