import { Command, CommanderError } from 'commander';
import { version } from '../shared/package-root.js';
import { enrollOnce } from './program/enroll.js';
import { explain } from './program/errors.js';
import type { Flags } from './program/options.js';
import { purge } from './program/purge.js';
import { restore } from './program/restore.js';
import { run } from './program/run.js';
import { status } from './program/status.js';

const program = new Command('cordon-agent')
  .description('Isolates this computer from the network when its server says so, and proves it')
  .version(version)
  .exitOverride()
  .configureOutput({ writeErr: () => undefined });

const withStore = (command: Command): Command =>
  command
    .option('--config <file>', 'YAML file with settings; keys as the flags, with underscores')
    .option('--data-dir <folder>', 'identity and state (default /var/lib/cordon-agent)')
    .option('--enforcer <name>', 'auto, nftables or recording (default auto)');

const withServer = (command: Command): Command =>
  withStore(command)
    .option('--server <host:port>', 'management port of the server')
    .option('--agent-server <host:port,...>', 'agent port of the server (default: same host, port 7443)')
    .option('--ca-fingerprint <hex>', 'SHA-256 of the CA certificate, to enrol');

const action =
  (work: (flags: Flags) => Promise<void> | void) =>
  async (flags: Flags): Promise<void> =>
    work(flags);

withServer(program.command('run').description('run the agent; enrols first where that is needed'))
  .option('--enrollment-token <token>', 'secret of an enrolment token, to enrol')
  .option('--log-level <level>', 'fatal, error, warn, info, debug, trace or silent (default info)')
  .option('--helper-services <unit,...>', 'systemd units that may use the network while isolated')
  .option('--canaries <address:port,...>', 'places that must be out of reach while isolated')
  .option('--keepalive-seconds <seconds>', 'time between two pings of the connection (default 30)')
  .action(action(run));
withServer(program.command('enroll').description('make this computer a device'))
  .option('--token <token>', 'secret of an enrolment token')
  .action(action(enrollOnce));
withStore(
  program.command('restore').description('at boot: put the isolation back before the network is up'),
).action(action(restore));
withStore(program.command('status').description('print what is enforced'))
  .option('--json', 'as JSON')
  .action(action(status));
withStore(program.command('purge').description('uninstall: remove rules, state and identity'))
  .option('--yes', 'do it')
  .action(action(purge));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    if (error.exitCode !== 0) {
      const text =
        error.code === 'commander.help' ? 'no command given' : error.message.replace(/^error: /, '');
      console.error(`cordon-agent: ${text}; see "cordon-agent --help"`);
      process.exitCode = 2;
    }
  } else {
    const { text, exitCode } = explain(error);
    console.error(`cordon-agent: ${text}`);
    process.exitCode = exitCode;
  }
}
