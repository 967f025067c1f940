import { printable } from '../../shared/command-line/printable.js';
import type { Command, CommandResult, QuarantinedFile } from '../../shared/gen/cordon/v1/command.js';
import { isolationStateToJSON, verificationToJSON } from '../../shared/gen/cordon/v1/isolation.js';
import { transportProtocolToJSON } from '../../shared/gen/cordon/v1/network.js';
import { isFinal, stateWord } from '../command-state.js';
import { formatBytes } from '../size.js';
import { stateCell } from './command-state.js';
import { time, word } from './device-rows.js';
import type { View } from './printer.js';
import { scanFields, scanProgressText, scanResultView } from './scan.js';
import { cell, type Cell } from './table.js';

/** What a command found, or where it stands. */
export function commandView(command: Command): View {
  if (command.spec?.work?.$case === 'iocScan') return scanView(command);
  if (command.result?.outcome) return resultView(command.result.outcome);
  const why = command.error ? `: ${printable(command.error)}` : '';
  return { kind: 'text', text: `command ${printable(command.id)}: ${stateWord(command.state)}${why}\n` };
}

function scanView(command: Command): View {
  const outcome = command.result?.outcome;
  const fields: View = { kind: 'fields', fields: scanFields(command) };
  return outcome?.$case === 'iocScan'
    ? { kind: 'sections', sections: [fields, ...scanResultView(outcome.value)] }
    : fields;
}

export const COMMAND_HEADINGS = ['DEVICE', 'WORK', 'STATE', 'PROGRESS', 'ORDERED', 'BY', 'ID'] as const;

/** A command in a list. @param deviceName as a person knows the device */
export function commandRow(command: Command, deviceName: string): Cell[] {
  return [
    cell(deviceName),
    cell(workText(command)),
    stateCell(command),
    cell(progressText(command)),
    cell(time(command.createdAt)),
    cell(command.requestedBy || '-'),
    cell(command.id, 'faint'),
  ];
}

function progressText(command: Command): string {
  if (command.progress || command.spec?.work?.$case === 'iocScan') return scanProgressText(command);
  return command.progressPercent > 0 && !isFinal(command.state) ? `${command.progressPercent} %` : '-';
}

function workText({ spec }: Command): string {
  const work = spec?.work;
  switch (work?.$case) {
    case 'selfTest':
      return 'self-test';
    case 'collectConnections':
      return 'connections';
    case 'iocScan':
      return `scan ${work.value.taskName || work.value.taskId}`;
    case 'listQuarantine':
      return 'quarantine list';
    case 'restoreQuarantined':
      return `quarantine restore ${work.value.quarantineId}`;
    default:
      return 'not known';
  }
}

function resultView(outcome: NonNullable<CommandResult['outcome']>): View {
  switch (outcome.$case) {
    case 'selfTest': {
      const { observed } = outcome.value;
      const verification = observed?.evidence?.verification ?? 0;
      return {
        kind: 'fields',
        fields: [
          ['State', cell(word(isolationStateToJSON(observed?.state ?? 0), 'ISOLATION_STATE_'))],
          ['Verification', cell(word(verificationToJSON(verification), 'VERIFICATION_'))],
          ...(observed?.evidence?.checks ?? []).map((check): [string, Cell] => [
            check.name,
            cell(check.detail),
          ]),
        ],
      };
    }
    case 'collectConnections':
      return {
        kind: 'table',
        headings: ['PROTOCOL', 'LOCAL', 'REMOTE', 'STATE', 'PROCESS'],
        rows: outcome.value.connections.map((one) => [
          cell(word(transportProtocolToJSON(one.protocol), 'TRANSPORT_PROTOCOL_')),
          cell(endpoint(one.localAddress, one.localPort)),
          cell(one.remoteAddress ? endpoint(one.remoteAddress, one.remotePort) : '-'),
          cell(one.state || '-'),
          cell(one.processId ? `${one.processName} (${one.processId})` : '-'),
        ]),
        empty: 'no connections',
      };
    case 'iocScan':
      return { kind: 'sections', sections: scanResultView(outcome.value) };
    case 'listQuarantine':
      return quarantineView(outcome.value.files);
    case 'restoreQuarantined':
      return {
        kind: 'text',
        text: outcome.value.files.map(({ path }) => `put back: ${printable(path)}\n`).join(''),
      };
  }
}

function quarantineView(files: readonly QuarantinedFile[]): View {
  return {
    kind: 'table',
    headings: ['ID', 'PATH', 'SIZE', 'MOVED', 'BECAUSE OF', 'SHA-256'],
    rows: files.map((file) => [
      cell(file.id),
      cell(file.path),
      cell(formatBytes(file.sizeBytes)),
      cell(time(file.quarantinedAt)),
      cell(file.reason || '-'),
      cell(file.sha256.toString('hex').slice(0, 16), 'faint'),
    ]),
    empty: 'the quarantine is empty',
  };
}

function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
