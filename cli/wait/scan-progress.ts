import { printable } from '../../shared/command-line/printable.js';
import { CommandState, type Command } from '../../shared/gen/cordon/v1/command.js';
import { formatDuration, fromDuration } from '../../shared/time.js';
import { isFinal, stateWord } from '../command-state.js';
import { CliError, ExitCode } from '../exit.js';
import { shellWord } from '../shell-word.js';
import { scanProgressText, scanSummary } from '../view/scan.js';
import type { ProgressLine } from './lines.js';

/** How a run ended, as far as it has. */
export type ScanOutcome = 'clean' | 'found' | 'failed' | 'pending';

/** What was found counts more than how a run ended. */
export function scanOutcome(command: Command): ScanOutcome {
  if (detections(command) > 0) return 'found';
  if (!isFinal(command.state)) return 'pending';
  return command.state === CommandState.COMMAND_STATE_SUCCEEDED ? 'clean' : 'failed';
}

/** Detections that a run has told of, those that it only counted included. */
export function detections({ result, progress }: Command): number {
  const outcome = result?.outcome;
  return outcome?.$case === 'iocScan'
    ? outcome.value.detections + outcome.value.detectionsOmitted
    : (progress?.detections ?? 0);
}

/** One device's run for a person. */
export function scanText(command: Command): string {
  switch (command.state) {
    case CommandState.COMMAND_STATE_UNSPECIFIED:
    case CommandState.COMMAND_STATE_PENDING:
      return 'waits for the device';
    case CommandState.COMMAND_STATE_ACCEPTED:
      return 'the device is about to start';
    case CommandState.COMMAND_STATE_RUNNING: {
      const activity = command.progress?.activity;
      return command.progress || command.progressPercent > 0
        ? `${scanProgressText(command)}${activity ? `; ${activity}` : ''}`
        : 'started';
    }
    case CommandState.COMMAND_STATE_PAUSED:
      return `paused; ${scanProgressText(command)}`;
    case CommandState.COMMAND_STATE_SUCCEEDED: {
      const outcome = command.result?.outcome;
      if (outcome?.$case !== 'iocScan') return 'done';
      const { worked } = outcome.value;
      return `done: ${scanSummary(outcome.value)}${worked ? `, in ${formatDuration(fromDuration(worked))}` : ''}`;
    }
    default: {
      const found = detections(command) > 0 ? `; until then ${detections(command)} found` : '';
      return `FAILED: ${stateWord(command.state)}${command.error ? `: ${command.error}` : ''}${found}`;
    }
  }
}

/** A line of the progress. @param name of the device */
export function scanLine(command: Command, name: string): ProgressLine {
  return {
    key: command.id,
    text: printable(`${name}: ${scanText(command)}`),
    // Every file is progress; where lines stay, every tenth of the way and every detection is enough.
    news: `${command.state} ${Math.floor(command.progressPercent / 10)} ${detections(command)}`,
    done: isFinal(command.state),
  };
}

/** Names that an error shows. */
const MOST_NAMES = 10;

/**
 * The end of a wait as an error, or undefined when every device has finished and none found anything.
 * @param scan name of the scan
 * @param nameOf name of a command's device
 */
export function scanError(
  commands: readonly Command[],
  scan: string,
  nameOf: (command: Command) => string,
  waited: string,
): CliError | undefined {
  const named = (outcome: ScanOutcome): string[] =>
    commands.filter((command) => scanOutcome(command) === outcome).map(nameOf);
  const typed = shellWord(scan);
  const [found, failed, pending] = [named('found'), named('failed'), named('pending')];
  const parts = [
    ...(found.length > 0 ? [`found on ${few(found)}`] : []),
    ...(failed.length > 0 ? [`the scan failed on ${few(failed)}`] : []),
    ...(pending.length > 0 ? [`${few(pending)} did not finish within ${waited}`] : []),
  ];
  if (found.length > 0) {
    return new CliError(ExitCode.FOUND, parts.join('; '), `"cordon alerts list --task ${typed}" shows what`);
  }
  if (failed.length > 0) {
    return new CliError(ExitCode.REFUSED, parts.join('; '), `"cordon scan status ${typed}" tells why`);
  }
  if (pending.length === 0) return undefined;
  return new CliError(
    ExitCode.PENDING,
    parts.join('; '),
    `the scan goes on; "cordon scan status ${typed}" shows it`,
  );
}

function few(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).join(', ');
  return names.length > MOST_NAMES ? `${shown} and ${names.length - MOST_NAMES} more` : shown;
}
