import { status } from '@grpc/grpc-js';
import type { Clock } from '../../shared/clock.js';
import { isServiceError } from '../../shared/errors.js';
import { Command, CommandState } from '../../shared/gen/cordon/v1/command.js';
import { CommandServiceService, GetCommandRequest } from '../../shared/gen/cordon/v1/command_service.js';
import type { Api } from '../client.js';
import { isFinal } from '../command-state.js';
import { readRuns } from '../scan/runs.js';

export interface AwaitScansDeps {
  readonly clock: Clock;
  /** Reads these commands as they are now. */
  readonly read: (ids: readonly string[]) => Promise<Command[]>;
  readonly show: (commands: readonly Command[]) => void;
  /** Told when the server cannot be reached, with the time until the next attempt. */
  readonly onLoss: (delayMs: number) => void;
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** Calls back when the person interrupts; returns what takes that back. */
  readonly onInterrupt: (stop: () => void) => () => void;
}

/** Up to this many commands are read one by one; for more a list costs less. */
const MOST_SINGLE = 20;

/** Time until the server is asked again when it could not be reached, milliseconds. */
const LOSS_DELAY_MS = 5000;

/** A person looks at a few; many cost the server more than they tell a person. */
function pollMs(count: number): number {
  if (count <= MOST_SINGLE) return 500;
  return count <= 1000 ? 2000 : 5000;
}

/**
 * Waits until all commands have ended, the time is over, or the person interrupts. A server that cannot be reached for a
 * while is waited for, too.
 * @returns the commands as they were read last, in the order of `ids`
 * @throws what the server answers
 */
export async function awaitScans(ids: readonly string[], deps: AwaitScansDeps): Promise<Command[]> {
  const { clock } = deps;
  const newest = new Map(ids.map((id) => [id, Command.fromPartial({ id })]));
  const end = clock.sinceBoot() + deps.timeoutMs;
  const pause = new Pause(clock);
  const forget = deps.onInterrupt(() => pause.interrupt());
  try {
    for (;;) {
      const open = ids.filter((id) => !isFinal(newest.get(id)?.state ?? 0));
      let delay = pollMs(open.length);
      try {
        for (const command of await deps.read(open)) newest.set(command.id, command);
        deps.show([...newest.values()]);
      } catch (error) {
        if (!isLoss(error)) throw error;
        delay = LOSS_DELAY_MS;
        deps.onLoss(delay);
      }
      const commands = [...newest.values()];
      const left = end - clock.sinceBoot();
      if (commands.every(({ state }) => isFinal(state)) || left <= 0 || pause.interrupted) return commands;
      await pause.wait(Math.min(delay, left));
    }
  } finally {
    forget();
  }
}

/** Waiting that an interrupt cuts short, now and from then on. */
class Pause {
  interrupted = false;
  private wake: () => void = () => {};

  constructor(private readonly clock: Clock) {}

  interrupt(): void {
    this.interrupted = true;
    this.wake();
  }

  async wait(ms: number): Promise<void> {
    if (this.interrupted) return;
    await new Promise<void>((resolve) => {
      const cancel = this.clock.after(ms, resolve);
      this.wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function isLoss(error: unknown): boolean {
  return (
    isServiceError(error) && (error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED)
  );
}

/** Reads runs of a scan. One that the server does not know any more has ended: its device was removed. */
export async function readScanCommands(api: Api, task: string, ids: readonly string[]): Promise<Command[]> {
  const found =
    ids.length <= MOST_SINGLE
      ? await Promise.all(ids.map((id) => readOne(api, id)))
      : await readRuns(api, task);
  const byId = new Map(found.flatMap((command) => (command ? [[command.id, command]] : [])));
  return ids.map((id) => byId.get(id) ?? gone(id));
}

async function readOne(api: Api, id: string): Promise<Command | undefined> {
  try {
    const request = GetCommandRequest.fromPartial({ id });
    return (await api.unary(CommandServiceService.getCommand, request)).command;
  } catch (error) {
    if (isServiceError(error) && error.code === status.NOT_FOUND) return undefined;
    throw error;
  }
}

function gone(id: string): Command {
  const error = 'the server does not know the run any more: the device was removed';
  return Command.fromPartial({ id, state: CommandState.COMMAND_STATE_CANCELLED, error });
}
