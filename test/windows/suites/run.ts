import { pathToFileURL } from 'node:url';
import Mocha from 'mocha';

/**
 * Runs a mocha file: `run.js REPORT SUITE`. What mocha's own program does besides, Wine makes slow: it looks for files and
 * settings.
 */
const [output = '', suite = ''] = process.argv.slice(2);
const mocha = new Mocha({ timeout: 30_000, reporter: Mocha.reporters.JSON, reporterOptions: { output } });
mocha.suite.emit('pre-require', globalThis, suite, mocha);
await import(pathToFileURL(suite).href);
mocha.run((failures) => process.exit(Math.min(failures, 100)));
