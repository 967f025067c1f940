import { CommandState, commandStateToJSON } from '../shared/gen/cordon/v1/command.js';

/** Whether a command has ended, well or not. */
export function isFinal(state: CommandState): boolean {
  switch (state) {
    case CommandState.COMMAND_STATE_UNSPECIFIED:
    case CommandState.COMMAND_STATE_PENDING:
    case CommandState.COMMAND_STATE_ACCEPTED:
    case CommandState.COMMAND_STATE_RUNNING:
    case CommandState.COMMAND_STATE_PAUSED:
      return false;
    default:
      return true;
  }
}

/** State as a word: `timed out`. */
export function stateWord(state: CommandState): string {
  return commandStateToJSON(state).replace('COMMAND_STATE_', '').toLowerCase().replaceAll('_', ' ');
}
