import { InvalidArgumentError, Option, type Command } from 'commander';
import { ITEM_TYPES } from '../../shared/ioc/model.js';
import { collect, parseCount, parseDurationWithin } from '../arguments.js';
import { addFilter, type FilterFlags } from '../filter.js';
import { parseBytesWithin } from '../size.js';
import { parseCron, parseDaily, parseMoment, parseWeekly, type Moment } from './schedule.js';

export const AREAS = ['critical', 'local-drives', 'folders'] as const;
export type Area = (typeof AREAS)[number];

export const RESPONSES = ['isolate', 'quarantine', 'kill'] as const;
export type Response = (typeof RESPONSES)[number];

/** Flags of a scan. */
export interface ScanFlags extends FilterFlags {
  readonly device?: string;
  readonly document?: string[];
  readonly area?: Area;
  readonly folder?: string[];
  readonly exclude?: string[];
  readonly networkFileSystems?: boolean;
  /** Bytes. */
  readonly maxFileSize?: number;
  /** Percent. */
  readonly cpu?: number;
  /** Bytes a second; 0 = no limit. */
  readonly rate?: number;
  readonly without?: readonly string[];
  readonly at?: Moment;
  /** Cron expressions. */
  readonly daily?: string;
  readonly weekly?: string;
  readonly cron?: string;
  readonly onDemand?: boolean;
  readonly timeZone?: string;
  /** Milliseconds. */
  readonly spread?: number;
  readonly skipMissed?: boolean;
  /** Milliseconds. */
  readonly timeLimit?: number;
  readonly respond?: readonly Response[];
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 3_600_000;
const TIB = 1024 ** 4;

/** `--document`, `--device` and all the others that say what a scan does. */
export function addScanFlags(command: Command): Command {
  addTargetFlags(command);
  addWhatFlags(command);
  addWhenFlags(command);
  return command.option(
    '--respond <actions>',
    'what a device does when an indicator matches: isolate, quarantine, kill; "none" = report only',
    parseResponses,
  );
}

function addTargetFlags(command: Command): void {
  const devices = ['group', 'tag', 'name', 'os', 'online', 'offline', 'isolated', 'released', 'pending'];
  addFilter(
    command
      .option(
        '--document <document>',
        'title, document id or first digits of the SHA-256; or a file, which is stored first; repeat for several',
        collect,
      )
      .addOption(new Option('--device <device>', 'this device alone: name or id').conflicts(devices)),
  );
}

function addWhatFlags(command: Command): void {
  command
    .addOption(
      new Option(
        '--area <area>',
        'where files are looked for: critical (the default: programs, temporary files, homes), local-drives, or folders (those of --folder alone)',
      ).choices(AREAS),
    )
    .option(
      '--folder <path>',
      'a folder to scan too, as the device writes it; repeat for several, "none" for none',
      collectFolder,
    )
    .option(
      '--exclude <path>',
      'left out with everything below, * and ** and ? as usual; repeat for several, "none" for none',
      collectPattern,
    )
    .option('--network-file-systems', 'network file systems, too')
    .option('--no-network-file-systems', 'leave network file systems out (the default)')
    .option(
      '--max-file-size <size>',
      'larger files get no hash and are reported (default: 200MB; M is 1024 × 1024)',
      parseBytesWithin(1, TIB, 'From 1 byte to 1TB.'),
    )
    .option('--cpu <percent>', 'share of all processors that it may take (default: 50)', parseCount(1, 100))
    .option(
      '--rate <size>',
      'most that is read from disks in a second; 0 = no limit (the default)',
      parseRate,
    )
    .option(
      '--without <kinds>',
      'kinds of items that are not looked at, for example RegistryItem,EventLogItem; "none" = all are',
      parseKinds,
    );
}

function addWhenFlags(command: Command): void {
  const plans = ['at', 'daily', 'weekly', 'cron', 'onDemand'];
  const plan = (name: string, flags: string, description: string): Option =>
    new Option(flags, description).conflicts(plans.filter((other) => other !== name));
  command
    .addOption(plan('at', '--at <time>', 'once: 2030-05-01T03:00Z, or +2h').argParser(parseMoment))
    .addOption(plan('daily', '--daily <time>', 'every day at this time: 03:00').argParser(parseDaily))
    .addOption(
      plan('weekly', '--weekly <plan>', 'every week: "sun 03:00", "mon,thu 22:30"').argParser(parseWeekly),
    )
    .addOption(
      plan('cron', '--cron <expression>', 'minute, hour, day, month, day of week; hourly at most').argParser(
        parseCron,
      ),
    )
    .addOption(plan('onDemand', '--on-demand', 'only when told to (the default)'))
    .option(
      '--time-zone <zone>',
      'time zone of the plan, for example Europe/Berlin; "device" = the one of each device (the default)',
      parseZone,
    )
    .option(
      '--spread <duration>',
      'each device starts up to this much later, each time another random part of it (default: 0)',
      parseDurationWithin(0, DAY_MS, 'From 0 to 24h.'),
    )
    .option('--skip-missed', 'leave a run out whose start a device missed')
    .option('--no-skip-missed', 'make up for it as soon as the agent runs (the default)')
    .option(
      '--time-limit <duration>',
      'longest run, pauses left out (default: 8h)',
      parseDurationWithin(MINUTE_MS, 7 * DAY_MS, 'From 1m to 7d.'),
    );
}

/** Absolute on the device, which need not be the kind of system that this is. */
const ABSOLUTE = /^(\/|[a-z]:[\\/]|\\\\[^\\])/i;

/** The letter of a drive may be a wildcard. */
const ANY_DRIVE = /^[?*]:[\\/]/;

function collectFolder(path: string, before?: readonly string[]): string[] {
  return collect(requirePath(path, ABSOLUTE.test(path)), before);
}

function collectPattern(path: string, before?: readonly string[]): string[] {
  return collect(requirePath(path, ABSOLUTE.test(path) || ANY_DRIVE.test(path)), before);
}

function requirePath(path: string, absolute: boolean): string {
  if (path === 'none') return path;
  if (path === '' || Buffer.byteLength(path) > 4096) {
    throw new InvalidArgumentError('A path has 1 to 4096 bytes.');
  }
  if (!absolute) {
    throw new InvalidArgumentError('Write an absolute path, as the device does: /opt, or C:\\Tools.');
  }
  return path;
}

function parseRate(text: string): number {
  if (text === '0') return 0;
  return parseBytesWithin(65_536, Number.MAX_SAFE_INTEGER, 'At least 64KB, or 0 for no limit.')(text);
}

function parseKinds(text: string): string[] {
  if (text === 'none') return [];
  return text.split(',').map((word) => {
    const kind = ITEM_TYPES.find((type) => type.toLowerCase() === word.trim().toLowerCase());
    if (!kind) throw new InvalidArgumentError(`"${word}" is none of ${ITEM_TYPES.join(', ')}.`);
    return kind;
  });
}

function parseResponses(text: string): Response[] {
  if (text === 'none') return [];
  return text.split(',').map((word) => {
    const response = RESPONSES.find((one) => one === word.trim());
    if (!response) throw new InvalidArgumentError(`"${word}" is none of ${RESPONSES.join(', ')}, none.`);
    return response;
  });
}

function parseZone(zone: string): string {
  if (zone === 'device') return '';
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone && zone;
  } catch {
    throw new InvalidArgumentError('Write a name such as Europe/Berlin or UTC, or "device".');
  }
}
