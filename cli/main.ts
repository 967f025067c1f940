import { text } from 'node:stream/consumers';
import { systemClock } from '../shared/clock.js';
import { ExitCode } from './exit.js';
import { errorLine, explain } from './explain.js';
import { run } from './run.js';
import { drained, processTerminal, streamSink } from './terminal.js';

/** A reader that went away (`cordon devices list | head`) is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.on('uncaughtException', (error) => {
  process.stderr.write(errorLine(explain(error, undefined)));
  process.exit(ExitCode.REFUSED);
});

process.exitCode = await run(process.argv.slice(2), {
  stdout: streamSink(process.stdout),
  stderr: streamSink(process.stderr),
  outputDrained: () => drained(process.stdout),
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
