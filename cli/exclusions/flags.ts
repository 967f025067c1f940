import { InvalidArgumentError, Option, type Command } from 'commander';
import { AddressError, parseAddressRange } from '../../shared/exclusions/address.js';
import type {
  ApplicationMatch,
  Exclusion,
  ExclusionDirection,
} from '../../shared/gen/cordon/v1/exclusion.js';
import type { PortRange } from '../../shared/gen/cordon/v1/network.js';
import { CliError, ExitCode } from '../exit.js';
import { parseDirection, parsePorts, parseProtocol, WordError } from './words.js';

/** Flags of the fields of one exclusion. A flag that is not given leaves its field alone. */
export interface RuleFlags {
  readonly description?: string;
  readonly direction?: ExclusionDirection;
  readonly protocol?: ParsedProtocol;
  readonly localPort?: PortRange[];
  readonly remotePort?: PortRange[];
  readonly localAddress?: string[];
  readonly remoteAddress?: string[];
  /** Empty: none. */
  readonly remoteHost?: string;
  readonly unit?: string;
  readonly cgroup?: string;
  readonly executable?: string;
  readonly windowsService?: string;
  readonly anyProgram?: boolean;
}

/** Any protocol is a value of its own: a flag that was not given is undefined. */
interface ParsedProtocol {
  readonly number: number | undefined;
}

/** `--direction`, `--remote-port` and the others. */
export function addRuleFlags(command: Command): Command {
  return command
    .option('--description <text>', 'what the rule is for')
    .option(
      '--direction <direction>',
      'who opens the connection: in, out or both',
      asArgument(parseDirection),
    )
    .option(
      '--protocol <protocol>',
      'any, tcp, udp, icmp, icmpv6 or a number from 0 to 255',
      asArgument((text): ParsedProtocol => ({ number: parseProtocol(text) })),
    )
    .option('--local-port <ports>', 'ports of the device, for example 80,8000-8010; any', listOf(parsePorts))
    .option('--remote-port <ports>', 'ports of the other side; any', listOf(parsePorts))
    .option(
      '--local-address <addresses>',
      'addresses of the device, for example 10.0.0.5,10.1.0.0/24,fd00::1-fd00::9; any',
      listOf(parseAddress),
    )
    .option('--remote-address <addresses>', 'addresses of the other side; any', listOf(parseAddress))
    .addOption(
      new Option('--remote-host <name>', 'host name of the other side, in place of addresses; any')
        .argParser((text: string) => (text === 'any' ? '' : text))
        .conflicts('remoteAddress'),
    )
    .addOption(
      new Option('--unit <unit>', 'systemd unit that the connection must belong to (Linux)').conflicts([
        'cgroup',
        'executable',
        'windowsService',
        'anyProgram',
      ]),
    )
    .addOption(
      new Option('--cgroup <path>', 'control group, without a leading slash (Linux)').conflicts([
        'executable',
        'windowsService',
        'anyProgram',
      ]),
    )
    .addOption(
      new Option('--executable <path>', 'program, as an absolute path (Windows)').conflicts([
        'windowsService',
        'anyProgram',
      ]),
    )
    .addOption(new Option('--windows-service <name>', 'Windows service').conflicts(['anyProgram']))
    .option('--any-program', 'the connection may belong to any program');
}

/** A parser whose WordError is a usage error that names the flag. */
function asArgument<Value>(parse: (text: string) => Value): (text: string) => Value {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof WordError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}

/** A comma-separated list; the flag may be repeated. `any` is an empty one. */
function listOf<Value>(parse: (text: string) => Value): (text: string, before?: Value[]) => Value[] {
  const one = asArgument(parse);
  return (text, before = []) =>
    text === 'any' ? [] : [...before, ...text.split(',').map((part) => one(part.trim()))];
}

function parseAddress(text: string): string {
  try {
    parseAddressRange(text);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new WordError(`${error.message}.`);
  }
  return text;
}

/** An exclusion with the flags in it. */
export function applyRuleFlags(exclusion: Exclusion, flags: RuleFlags): Exclusion {
  return {
    ...exclusion,
    description: flags.description ?? exclusion.description,
    direction: flags.direction ?? exclusion.direction,
    protocol: flags.protocol ? flags.protocol.number : exclusion.protocol,
    localPorts: flags.localPort ?? exclusion.localPorts,
    remotePorts: flags.remotePort ?? exclusion.remotePorts,
    localAddresses: flags.localAddress ?? exclusion.localAddresses,
    // A host name and addresses exclude each other: the one that is given takes the place of the other.
    remoteAddresses: flags.remoteHost ? [] : (flags.remoteAddress ?? exclusion.remoteAddresses),
    remoteHost: flags.remoteAddress ? '' : (flags.remoteHost ?? exclusion.remoteHost),
    application: applicationOf(flags, exclusion.application),
  };
}

function applicationOf(
  { unit, cgroup, executable, windowsService, anyProgram }: RuleFlags,
  before: ApplicationMatch | undefined,
): ApplicationMatch | undefined {
  if (anyProgram) return undefined;
  if (unit !== undefined) return { target: { $case: 'systemdUnit', value: unit } };
  if (cgroup !== undefined) return { target: { $case: 'cgroup', value: cgroup } };
  if (executable !== undefined) return { target: { $case: 'executablePath', value: executable } };
  if (windowsService !== undefined) return { target: { $case: 'windowsService', value: windowsService } };
  return before;
}

/** Flag of a field, for messages: `remote_ports` is set by `--remote-port`. */
const FLAG_OF: Readonly<Record<string, string>> = {
  description: '--description',
  direction: '--direction',
  protocol: '--protocol',
  local_ports: '--local-port',
  remote_ports: '--remote-port',
  local_addresses: '--local-address',
  remote_addresses: '--remote-address',
  remote_host: '--remote-host',
  application: '--unit, --cgroup, --executable or --windows-service',
};

/** A rule that is broken by what was typed, as an error that names the flag. */
export function ruleError(field: string, description: string): CliError {
  const key = /([a-z_]+)(?:\[\d+\])?$/.exec(field)?.[1] ?? field;
  const flag = FLAG_OF[key];
  return new CliError(ExitCode.USAGE, `${flag ?? key}: ${description}`, 'correct it and try again');
}
