import type { Command } from 'commander';
import { addTimeout, type WaitFlags } from '../arguments.js';
import { withSession, type RunState } from '../session/session.js';
import { runCommand, type Work } from '../wait/run-command.js';

/** `cordon quarantine ...` */
export function addQuarantineCommands(program: Command, state: RunState): void {
  const quarantine = program
    .command('quarantine')
    .description('files that devices moved away because an indicator matched');

  /** Without an answer these say nothing: so they wait, unless they are told not to. */
  const waits = (command: Command): Command =>
    addTimeout(command.option('--no-wait', 'only order it; "cordon command show" has the answer later'));
  const run = (device: string, work: Work, flags: WaitFlags, command: Command): Promise<void> =>
    withSession(state, command, (session) => runCommand(session, device, work, flags));

  waits(
    quarantine
      .command('list')
      .description('list what is in the quarantine of a device')
      .argument('<device>', 'name or id'),
  )
    .addHelpText('after', '\nExample:\n  cordon quarantine list laptop-17')
    .action((device: string, flags: WaitFlags, command: Command) =>
      run(device, { $case: 'listQuarantine', value: {} }, flags, command),
    );

  waits(
    quarantine
      .command('restore')
      .description('put a file back where it was; one that is there now is not replaced')
      .argument('<device>', 'name or id')
      .argument('<id>', 'id as "list" shows it'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  cordon quarantine restore laptop-17 0195f3a1-7c2e-7b60-9d11-5f0c3a2b1e44',
    )
    .action((device: string, quarantineId: string, flags: WaitFlags, command: Command) =>
      run(device, { $case: 'restoreQuarantined', value: { quarantineId } }, flags, command),
    );
}
