import { Command, CommanderError } from 'commander';
import { usageProblem } from '../shared/command-line/usage.js';
import { ConfigError, loadConfig } from '../shared/config/load.js';
import { version } from '../shared/package-root.js';
import { serverConfigSchema, type ServerConfig } from './config.js';

/** What a person asked for. */
export type Invocation =
  | { readonly kind: 'run'; readonly config: ServerConfig }
  | { readonly kind: 'admin-token'; readonly config: ServerConfig }
  /** Help or version, which has been printed. */
  | { readonly kind: 'shown' };

/** Settings as flags: key, what it takes, what it does. */
const FLAGS: readonly (readonly [keyof ServerConfig, string, string])[] = [
  ['data_dir', 'DIR', 'folder of CA, store and lock (root: /var/lib/cordon-server)'],
  ['agent_listen', 'ADDRESS:PORT', 'where agents connect (default [::]:7443)'],
  [
    'management_listen',
    'ADDRESS:PORT',
    'where operators and enrolling computers connect (default [::]:7444)',
  ],
  ['server_names', 'NAMES', 'more names and addresses for the server certificate, comma-separated'],
  ['certificate_days', 'DAYS', 'how long device certificates are valid, 1 to 398 (default 30)'],
  ['log_level', 'LEVEL', 'fatal, error, warn, info, debug, trace or silent (default info)'],
  ['heartbeat_seconds', 'S', 'time between heartbeats of an agent, 1 to 600 (default 30)'],
  ['reconnect_spread_seconds', 'S', 'agents come back within a random part of this, 0 to 600 (default 10)'],
  ['drain_seconds', 'S', 'how long a planned stop waits, 0 to 300 (default 10)'],
  ['event_file', 'FILE', 'append events to this file as JSON lines, for a SIEM'],
  ['event_syslog', 'URL', 'send events as syslog to udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT'],
  [
    'event_syslog_ca',
    'FILE',
    'PEM file with the authorities of a tls:// receiver (default: those of the system)',
  ],
];

/**
 * Reads command line, environment and file.
 * @param args without interpreter and script
 * @throws ConfigError on a wrong setting or word, with what to do next
 */
export function readCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Invocation {
  let kind: 'run' | 'admin-token' = 'run';
  const program = new Command('cordon-server')
    .description(
      'Management server of Cordon. Every setting is also a key of the YAML file and an environment variable: ' +
        '--data-dir is data_dir and CORDON_SERVER_DATA_DIR.',
    )
    .version(version)
    .option('--config <FILE>', 'YAML file with settings (CORDON_SERVER_CONFIG)')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .action(() => undefined);
  for (const [key, value, description] of FLAGS) {
    program.option(`--${key.replaceAll('_', '-')} <${value}>`, description);
  }
  program
    .command('admin-token')
    .description('make a new administrator token, for a lost one; the server must be stopped')
    .action(() => {
      kind = 'admin-token';
    });

  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const problem = usageProblem(error, program, args);
    if (!problem) return { kind: 'shown' };
    throw new ConfigError(`${problem.message}; ${problem.next}`);
  }
  const { config: file, ...flags } = program.opts<Record<string, string | undefined>>();
  const config = loadConfig(serverConfigSchema, {
    flags: Object.fromEntries(Object.entries(flags).map(([name, value]) => [toSnakeCase(name), value])),
    environment,
    environmentPrefix: 'CORDON_SERVER',
    file: file ?? environment['CORDON_SERVER_CONFIG'],
  });
  return { kind, config };
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
