import type { ConnectResponse } from '../../shared/gen/cordon/v1/agent_service.js';

export type Outgoing = NonNullable<ConnectResponse['payload']>;

/** Most control messages (acks, confirmations, cancellations) that wait for a slow reader. */
const CONTROL_BOUND = 64;

/**
 * What waits to be written to one stream, in fixed slots: memory per agent does not grow with what is asked of it.
 * Control messages keep their order and go first; a desired state is one slot, and the newest wins.
 */
export class Outbox {
  private readonly control: Outgoing[] = [];
  private desired: Outgoing | undefined;
  private readonly commands: Outgoing[] = [];

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

  /** Next message to write, or undefined. */
  next(): Outgoing | undefined {
    const control = this.control.shift();
    if (control) return control;
    if (this.desired) {
      const desired = this.desired;
      this.desired = undefined;
      return desired;
    }
    return this.commands.shift();
  }
}
