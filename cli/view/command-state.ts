import { CommandState, type Command } from '../../shared/gen/cordon/v1/command.js';
import { stateWord } from '../command-state.js';
import { time } from './device-rows.js';
import { cell, type Cell } from './table.js';

/** State with what belongs to it: why it failed, until when it waits. */
export function stateCell(command: Command): Cell {
  const text = stateWord(command.state);
  switch (command.state) {
    case CommandState.COMMAND_STATE_SUCCEEDED:
      return cell(text, 'good');
    case CommandState.COMMAND_STATE_FAILED:
    case CommandState.COMMAND_STATE_TIMED_OUT:
    case CommandState.COMMAND_STATE_EXPIRED:
    case CommandState.COMMAND_STATE_REJECTED:
      return cell(command.error ? `${text}: ${command.error}` : text, 'bad');
    case CommandState.COMMAND_STATE_PENDING:
    case CommandState.COMMAND_STATE_ACCEPTED:
      return cell(command.notBefore ? `${text}, starts ${time(command.notBefore)}` : text, 'waiting');
    case CommandState.COMMAND_STATE_RUNNING:
    case CommandState.COMMAND_STATE_PAUSED:
      return cell(text, 'waiting');
    default:
      return cell(text, 'faint');
  }
}
