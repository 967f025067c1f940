import type { ConnectResponse } from '../../shared/gen/cordon/v1/agent_service.js';

export type Outgoing = NonNullable<ConnectResponse['payload']>;

/** Most control messages (acks, confirmations, cancellations) that wait for a slow reader. */
const CONTROL_BOUND = 64;

/** A message so large that the next one of its kind waits until it has left. */
export interface Large {
  readonly message: Outgoing;
  /** It has been handed to the network. */
  readonly written: () => void;
}

/**
 * What waits to be written to one stream, in fixed slots: memory per agent does not grow with what is asked of it.
 * Control messages keep their order and go first; a desired state is one slot, and the newest wins; a large message is
 * one slot and goes last.
 */
export class Outbox {
  private readonly control: Outgoing[] = [];
  private desired: Outgoing | undefined;
  private commands: Outgoing[] = [];
  private large: Large | undefined;

  /** False: the reader has fallen so far behind that the stream must end and resume. */
  pushControl(message: Outgoing): boolean {
    if (this.control.length >= CONTROL_BOUND) return false;
    this.control.push(message);
    return true;
  }

  setDesired(message: Outgoing): void {
    this.desired = message;
  }

  /** Commands are bounded by the store: 50 unfinished ones a device. */
  addCommands(messages: readonly Outgoing[]): void {
    this.commands.push(...messages);
  }

  /** After the command that it is about; takes the place of what was said of its pause and has not been written. */
  setPause(commandId: string, wanted: boolean): void {
    this.commands = this.commands.filter(
      (message) =>
        !(message.$case === 'pauseCommand' || message.$case === 'resumeCommand') ||
        message.value.id !== commandId,
    );
    this.commands.push({ $case: wanted ? 'pauseCommand' : 'resumeCommand', value: { id: commandId } });
  }

  /** The slot must be empty: whoever fills it waits for `written`. */
  setLarge(large: Large): void {
    this.large = large;
  }

  /** Next message to write, or undefined. */
  next(): { readonly message: Outgoing; readonly written?: () => void } | undefined {
    const small = this.control.shift() ?? this.takeDesired() ?? this.commands.shift();
    if (small) return { message: small };
    const { large } = this;
    this.large = undefined;
    return large;
  }

  private takeDesired(): Outgoing | undefined {
    const { desired } = this;
    this.desired = undefined;
    return desired;
  }
}
