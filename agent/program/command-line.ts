import { Command, CommanderError } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import { usageProblem } from '../../shared/command-line/usage.js';
import { version } from '../../shared/package-root.js';
import { ENFORCER_NAMES } from '../enforce/choose.js';
import { placesOn } from '../places.js';
import type { Failure } from './errors.js';
import type { Flags } from './options.js';

const platform = process.platform;
const places = placesOn(platform);
const helpers = platform === 'win32' ? 'Windows services' : 'systemd units';
const controlSocket = `local control socket (default ${places.controlSocket})`;

const withStore = (command: Command): Command =>
  command
    .option('--config <file>', 'YAML file with settings; keys as the flags, with underscores')
    .option('--data-dir <folder>', `identity and state (default ${places.dataDir})`)
    .option('--enforcer <name>', `${ENFORCER_NAMES.join(', ')} (default auto)`);

const withServer = (command: Command): Command =>
  withStore(command)
    .option('--server <host:port>', 'management port of the server')
    .option('--agent-server <host:port,...>', 'agent port of the server (default: same host, port 7443)')
    .option('--ca-fingerprint <hex>', 'SHA-256 of the CA certificate, to enrol');

/**
 * Loads what a command needs when it is given, and no more: a service has to answer its manager within seconds of its start,
 * and the whole program is a thousand files.
 */
const action =
  (load: () => Promise<(flags: Flags) => Promise<void> | void>) =>
  async (flags: Flags): Promise<void> =>
    (await load())(flags);

function createProgram(): Command {
  const program = new Command('cordon-agent')
    .description('Isolates this computer from the network when its server says so, and proves it')
    .version(version)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  withServer(program.command('run').description('run the agent; enrols first where that is needed'))
    .option('--enrollment-token <token>', 'secret of an enrolment token, to enrol')
    .option('--log-level <level>', 'fatal, error, warn, info, debug, trace or silent (default info)')
    .option('--helper-services <name,...>', `${helpers} that may use the network while isolated`)
    .option('--control-socket <path>', controlSocket)
    .option('--canaries <address:port,...>', 'places that must be out of reach while isolated')
    .option('--notify-users <true|false>', 'tell logged-in users about the isolation (default true)')
    .option('--keepalive-seconds <seconds>', 'time between two pings of the connection (default 30)')
    .action(action(async () => (await import('./run.js')).run));
  withServer(program.command('enroll').description('make this computer a device'))
    .option('--token <token>', 'secret of an enrolment token')
    .action(action(async () => (await import('./enroll.js')).enrollOnce));
  withStore(
    program.command('restore').description('at boot: put the isolation back before the network is up'),
  ).action(action(async () => (await import('./restore.js')).restore));
  withStore(program.command('status').description('print what is enforced'))
    .option('--json', 'as JSON')
    .action(action(async () => (await import('./status.js')).status));
  // Its options have slashes and its exit codes are its own: it is read elsewhere and stands here for the help.
  program
    .command('isolation')
    .description('show or end the isolation at this computer: /show, /disable, /login=USER, /PWD=PASSWORD');
  program
    .command('report-detection')
    .description('tell the agent what another security tool on this computer has found')
    .option('--source <name>', 'name of the tool, as the policy lists it (default local)')
    .option('--rule <id>', 'rule that matched')
    .option('--details <file>', 'what matched, as a JSON object; - is standard input')
    .option('--config <file>', 'YAML file with settings')
    .option('--control-socket <path>', controlSocket)
    .action(action(async () => (await import('./report-detection.js')).reportDetection));
  addQuarantine(program);
  withStore(
    program.command('self-test').description('check what only this computer can show; changes nothing'),
  )
    .argument('[names...]', 'checks; none: all of this platform')
    .option('--list', 'say what each check asks, and check nothing')
    .option('--json', 'as JSON')
    .option('--control-socket <path>', controlSocket)
    .action(async (names: string[], flags: Flags) => (await import('./self-test.js')).selfTest(names, flags));
  addService(program);
  withStore(program.command('purge').description('uninstall: remove rules, state and identity'))
    .option('--control-socket <path>', controlSocket)
    .option('--with-quarantine', 'destroy the files in quarantine, too')
    .option('--yes', 'do it')
    .action(action(async () => (await import('./purge.js')).purge));
  return program;
}

function addQuarantine(program: Command): void {
  const quarantine = program.command('quarantine').description('files that an IOC scan has put away');
  const withSocket = (command: Command): Command =>
    command
      .option('--config <file>', 'YAML file with settings')
      .option('--control-socket <path>', controlSocket);
  withSocket(quarantine.command('list').description('print them, newest first'))
    .option('--json', 'as JSON')
    .action(action(async () => (await import('./quarantine.js')).listQuarantine));
  withSocket(quarantine.command('restore').description('put one back where it was'))
    .argument('<id>', 'as "quarantine list" prints it')
    .action(async (id: string, flags: Flags) =>
      (await import('./quarantine.js')).restoreQuarantined(id, flags),
    );
  withSocket(quarantine.command('delete').description('destroy one'))
    .argument('<id>', 'as "quarantine list" prints it')
    .option('--yes', 'do it')
    .action(async (id: string, flags: Flags) =>
      (await import('./quarantine.js')).deleteQuarantined(id, flags),
    );
}

function addService(program: Command): void {
  const service = program.command('service').description('Windows: the agent as a service');
  const onWindows = placesOn('win32');
  const config = `YAML file with settings (default ${onWindows.configFile})`;
  const dataDir = `identity and state (default ${onWindows.dataDir})`;
  service
    .command('install')
    .description('make the service, or bring it up to date, and start it')
    .option('--config <file>', config)
    .option('--data-dir <folder>', dataDir)
    .option('--no-start', 'do not start it')
    .action(action(async () => (await import('./service.js')).installService));
  service
    .command('remove')
    .description('stop and remove the service; an isolation stays in force')
    .action(action(async () => (await import('./service.js')).removeService));
  service
    .command('status')
    .description('print whether the service runs')
    .action(action(async () => (await import('./service.js')).serviceStatus));
  service
    .command('run')
    .description('what the service control manager starts')
    .option('--config <file>', config)
    .option('--data-dir <folder>', dataDir)
    .action(action(async () => (await import('./service-run.js')).runService));
}

/**
 * Does what a command line says. Never throws: every failure becomes one line for `complain`.
 * @param args without interpreter and script
 * @returns exit code: 0 done, 1 failed, 2 wrong usage or setting; `isolation` has its own (isolation-arguments.ts)
 */
export async function runCommandLine(
  args: readonly string[],
  complain: (line: string) => void,
): Promise<number> {
  const [command, ...words] = args;
  if (command === 'isolation') {
    const { isolation } = await import('./isolation.js');
    return isolation(words, { print: (text) => console.log(text), complain, platform: process.platform });
  }
  const program = createProgram();
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    const failure =
      error instanceof CommanderError
        ? usageFailure(error, program, args)
        : (await import('./errors.js')).explain(error);
    if (!failure) return 0;
    complain(`cordon-agent: ${printable(failure.text)}`);
    return failure.exitCode;
  }
}

function usageFailure(error: CommanderError, program: Command, args: readonly string[]): Failure | undefined {
  const problem = usageProblem(error, program, args);
  return problem && { text: `${problem.message}; ${problem.next}`, exitCode: 2 };
}
