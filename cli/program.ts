import { Command, Option } from 'commander';
import { version } from '../shared/package-root.js';
import { addAlertsCommands } from './commands/alerts.js';
import { addAuditCommands } from './commands/audit.js';
import { addCommandCommands } from './commands/command.js';
import { addDevicesCommands } from './commands/devices.js';
import { addEnrollTokenCommands } from './commands/enroll-token.js';
import { addEventsCommands } from './commands/events.js';
import { addExclusionCommands } from './commands/exclusion.js';
import { addGroupCommands } from './commands/group.js';
import { addIocCommands } from './commands/ioc.js';
import { addIsolateCommands } from './commands/isolate.js';
import { addIsolationsCommands } from './commands/isolations.js';
import { addLoginCommand } from './commands/login.js';
import { addPolicyCommands } from './commands/policy.js';
import { addProfileCommands } from './commands/profile.js';
import { addQuarantineCommands } from './commands/quarantine.js';
import { addScanCommands } from './commands/scan.js';
import { addTaskCommands } from './commands/task.js';
import { addTokenCommands } from './commands/token.js';
import { EXIT_CODE_HELP } from './exit.js';
import type { RunState } from './session/session.js';
import { OUTPUT_FORMATS } from './view/printer.js';

/** Every command and flag of `cordon`. Errors are thrown, never printed: `run` words them. */
export function createProgram(state: RunState): Command {
  const { stdout } = state.io;
  const program = new Command('cordon')
    .description('Isolates computers from the network, shows that it holds, and brings them back.')
    .version(version, '-V, --version', 'show the version')
    .addOption(
      new Option('-o, --output <format>', 'form of results').choices(OUTPUT_FORMATS).default('table'),
    )
    .option('--server <host:port>', 'management port of the server')
    .option('--token <token>', 'API token')
    .option('--ca <file>', 'certificate of the CA of the server, PEM')
    .addHelpText('after', EXIT_CODE_HELP)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => stdout.columns ?? 100,
      getOutHasColors: () => false,
    })
    .exitOverride();
  addLoginCommand(program, state);
  addDevicesCommands(program, state);
  addIsolateCommands(program, state);
  addIsolationsCommands(program, state);
  addGroupCommands(program, state);
  addPolicyCommands(program, state);
  addTaskCommands(program, state);
  addExclusionCommands(program, state);
  addProfileCommands(program, state);
  addAlertsCommands(program, state);
  addIocCommands(program, state);
  addScanCommands(program, state);
  addEnrollTokenCommands(program, state);
  addTokenCommands(program, state);
  addAuditCommands(program, state);
  addEventsCommands(program, state);
  addCommandCommands(program, state);
  addQuarantineCommands(program, state);
  return program;
}
