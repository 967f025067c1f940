import { connect } from 'node:net';
import type { Clock } from '../../shared/clock.js';
import type { Endpoint } from '../enforce/plan.js';
import type { Canary, Probe } from './evidence.js';

/** A destination that has not answered by then counts as out of reach. */
const ANSWER_WITHIN_MS = 1_000;
/** How often canaries are asked while the device is released. */
const ASK_EVERY_MS = 60_000;

/** Opens a TCP connection and closes it at once. */
export const tcpProbe: Probe = ({ address, port }: Endpoint) =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (reached: boolean): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.setTimeout(ANSWER_WITHIN_MS, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });

/** Remembers which canaries answer while the device is released: the positive control of the check. */
export class CanaryWatch {
  private canaries: readonly Canary[];
  private cancel: () => void = () => undefined;

  /** @param released whether the network is open, so that an answer means something */
  constructor(
    endpoints: readonly Endpoint[],
    private readonly probe: Probe,
    private readonly clock: Clock,
    private readonly released: () => boolean,
  ) {
    this.canaries = endpoints.map((endpoint) => ({ endpoint, answeredBefore: false }));
  }

  get current(): readonly Canary[] {
    return this.canaries;
  }

  start(): void {
    if (this.canaries.length === 0) return;
    void this.ask();
    this.cancel = this.clock.after(ASK_EVERY_MS, () => this.start());
  }

  stop(): void {
    this.cancel();
  }

  private async ask(): Promise<void> {
    if (!this.released()) return;
    const asked = await Promise.all(
      this.canaries.map(async ({ endpoint }) => ({ endpoint, answeredBefore: await this.probe(endpoint) })),
    );
    // An isolation that came in between would make silence look like a canary that never answered.
    if (this.released()) this.canaries = asked;
  }
}
