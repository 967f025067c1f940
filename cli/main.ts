import { text } from 'node:stream/consumers';
import { systemClock } from '../shared/clock.js';
import { ExitCode } from './exit.js';
import { errorLine, explain } from './explain.js';
import { run } from './run.js';
import { processTerminal } from './terminal.js';

/** A reader that went away (`cordon devices list | head`) is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.on('uncaughtException', (error) => {
  process.stderr.write(errorLine(explain(error, undefined)));
  process.exit(ExitCode.REFUSED);
});

process.exitCode = await run(process.argv.slice(2), {
  stdout: {
    isTTY: process.stdout.isTTY,
    get columns() {
      return process.stdout.columns;
    },
    write: (chunk) => void process.stdout.write(chunk),
  },
  stderr: {
    isTTY: process.stderr.isTTY,
    get columns() {
      return process.stderr.columns;
    },
    write: (chunk) => void process.stderr.write(chunk),
  },
  env: process.env,
  clock: systemClock,
  random: Math.random,
  readStdin: () => text(process.stdin),
  terminal: processTerminal(),
  onInterrupt: (stop) => {
    process.once('SIGINT', stop);
    return () => process.removeListener('SIGINT', stop);
  },
});
