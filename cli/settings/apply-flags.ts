import type { Command } from 'commander';
import { addConfirm, type ConfirmFlags } from '../confirm.js';
import { addFile } from '../file.js';
import { addAllowUnresolved } from './flags.js';

export interface ApplyFlags extends ConfirmFlags {
  readonly file: string;
  readonly allowUnresolvedHosts?: boolean;
}

/** Flags of `policy apply` and `task apply`, and what holds for the files of both. @param examples printed below it */
export function addApplyFlags(command: Command, what: 'policy' | 'task', examples: string): Command {
  command.description(`make or change a ${what} as a file says; shows the changes first`);
  return addAllowUnresolved(addConfirm(addFile(command))).addHelpText(
    'after',
    `
What the file leaves out stays as it is; in a new ${what} it has its default. A list of exclusions is taken as a whole.
The exit code is 0 with and without changes, also with --dry-run; "changed" and "changes" of -o json tell them apart.

${examples}`,
  );
}
