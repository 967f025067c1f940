import type { Clock } from '../../shared/clock.js';
import type { Store } from '../store/store.js';

/** What the calls about IOC scan tasks need. */
export interface IocScanDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** Whether a stream of the device is open now. */
  readonly isOnline: (deviceId: string) => boolean;
  /** The runs of a task are to be planned. */
  readonly scanTaskChanged: () => void;
  /** The queues of these devices have changed. */
  readonly commandsChanged: (deviceIds: readonly string[]) => void;
}
