import { systemClock } from '../../shared/clock.js';
import { escapedJson } from '../../shared/command-line/escaped-controls.js';
import { ConfigError } from '../../shared/config/load.js';
import { selectChecks } from '../self-test/all.js';
import type { Check } from '../self-test/check.js';
import { line, listing, summary, toJson } from '../self-test/report.js';
import { runChecks } from '../self-test/run-checks.js';
import { readSettings, type Flags } from './options.js';

/** Some checks did not pass. Each has been told on a line of its own. */
export class SelfTestFailure extends Error {
  override readonly name = 'SelfTestFailure';
}

/**
 * Checks on this computer what only it can show, and changes nothing.
 * @param names none: every check of this platform
 * @throws SelfTestFailure where one has failed or could not be carried out
 * @throws ConfigError for a name that is no check of this platform
 */
export async function selfTest(names: readonly string[], flags: Flags): Promise<void> {
  const { list, json, ...others } = flags;
  const checks = chosen(names);
  if (list === true) {
    console.log(listing(checks).join('\n'));
    return;
  }
  const { data_dir: dataDir, control_socket: controlSocket } = readSettings(others);
  const results = await runChecks(checks, { dataDir, controlSocket }, systemClock, {
    stillRunning: ({ name }, forMs) => console.error(`${name}: running for ${Math.round(forMs / 1000)} s`),
    ended: (result) => {
      if (json !== true) console.log(line(result));
    },
  });
  if (json === true) console.log(escapedJson(JSON.stringify(toJson(results), null, 2)));
  if (results.every(({ outcome }) => outcome.kind === 'pass')) return;
  throw new SelfTestFailure(`${summary(results)}; do what the lines say, then run the self-test again`);
}

function chosen(names: readonly string[]): readonly Check[] {
  const selection = selectChecks(names, process.platform);
  switch (selection.kind) {
    case 'checks':
      return selection.checks;
    case 'unknown':
      throw new ConfigError(`no check is called "${selection.name}"; run "cordon-agent self-test --list"`);
    case 'elsewhere':
      throw new ConfigError(
        `${selection.check.name} is a check of ${selection.check.platform}, and this computer runs ${process.platform}; "cordon-agent self-test --list" shows those for it`,
      );
  }
}
