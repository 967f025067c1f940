import { runCommandLine } from './program/command-line.js';

// A password on the command line of `isolation` is in the list of processes only until here.
if (process.argv[2] === 'isolation') process.title = 'cordon-agent isolation';
process.exitCode = await runCommandLine(process.argv.slice(2), (line) => console.error(line));
