import { ExclusionDirection, type Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import type { PortRange } from '../../shared/gen/cordon/v1/network.js';

/** A text that is not what it ought to be; the message is the rule, as a sentence. */
export class WordError extends Error {}

export type DirectionWord = 'inbound' | 'outbound' | 'both';

/** Spellings of `--direction` and of `direction` in a file. */
const DIRECTIONS = ['in', 'out', 'inbound', 'outbound', 'both'] as const;

export function directionWord(direction: ExclusionDirection): DirectionWord {
  switch (direction) {
    case ExclusionDirection.EXCLUSION_DIRECTION_INBOUND:
      return 'inbound';
    case ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND:
      return 'outbound';
    default:
      return 'both';
  }
}

/** @throws WordError */
export function parseDirection(text: string): ExclusionDirection {
  switch (text) {
    case 'in':
    case 'inbound':
      return ExclusionDirection.EXCLUSION_DIRECTION_INBOUND;
    case 'out':
    case 'outbound':
      return ExclusionDirection.EXCLUSION_DIRECTION_OUTBOUND;
    case 'both':
      return ExclusionDirection.EXCLUSION_DIRECTION_BOTH;
    default:
      throw new WordError(`Write one of ${DIRECTIONS.join(', ')}.`);
  }
}

const PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['tcp', 6],
  ['udp', 17],
  ['icmpv6', 58],
]);

/** A name where there is a common one, otherwise the IANA number. */
export function protocolWord(protocol: number | undefined): string {
  if (protocol === undefined) return 'any';
  for (const [name, number] of PROTOCOL_NUMBERS) if (number === protocol) return name;
  return String(protocol);
}

/** Undefined: any protocol. @throws WordError */
export function parseProtocol(text: string): number | undefined {
  if (text === 'any') return undefined;
  const number = PROTOCOL_NUMBERS.get(text) ?? (/^\d{1,3}$/.test(text) ? Number(text) : NaN);
  if (!(number <= 255)) {
    throw new WordError('Write any, tcp, udp, icmp, icmpv6, or an IANA protocol number from 0 to 255.');
  }
  return number;
}

export function portWord({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** A port or a range of ports, `8000-8010`. @throws WordError */
export function parsePorts(text: string): PortRange {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || first > 65_535 || last > 65_535) {
    throw new WordError(`"${text}" is not a port: write 0 to 65535, or a range such as 8000-8010.`);
  }
  if (first > last) throw new WordError(`"${text}" is reversed: write ${last}-${first}.`);
  return { first, last };
}

/** Program of a rule: the kind in the words of the contract, and its name. */
export function programWords({ application }: Exclusion): { kind: string; value: string } | undefined {
  const target = application?.target;
  switch (target?.$case) {
    case undefined:
      return undefined;
    case 'systemdUnit':
      return { kind: 'systemd_unit', value: target.value };
    case 'cgroup':
      return { kind: 'cgroup', value: target.value };
    case 'executablePath':
      return { kind: 'executable_path', value: target.value };
    case 'windowsService':
      return { kind: 'windows_service', value: target.value };
  }
}

/** A rule in one line: `inbound tcp, local port 22, remote 10.0.0.5`. */
export function exclusionText(exclusion: Exclusion): string {
  const program = programWords(exclusion);
  const remote = exclusion.remoteHost || exclusion.remoteAddresses.join(',');
  const parts = [
    `${directionWord(exclusion.direction)} ${protocolWord(exclusion.protocol)}`,
    exclusion.localPorts.length > 0 && `local port ${exclusion.localPorts.map(portWord).join(',')}`,
    exclusion.remotePorts.length > 0 && `remote port ${exclusion.remotePorts.map(portWord).join(',')}`,
    exclusion.localAddresses.length > 0 && `local ${exclusion.localAddresses.join(',')}`,
    remote !== '' && `remote ${remote}`,
    program && `${program.kind.replace('_', ' ')} ${program.value}`,
    exclusion.disabled && 'disabled',
  ];
  return parts.filter((part) => typeof part === 'string').join(', ');
}
