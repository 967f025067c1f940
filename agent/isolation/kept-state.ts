import type { Logger } from '../../shared/log.js';
import type { Durable, IsolationStore } from './store.js';

/** The isolation in memory and on disk. A disk that refuses is said to, and tried again with every save. */
export class KeptState {
  private current: Durable;
  private saved: Durable;
  private found = '';

  /** @throws StateFileError where the state file is damaged */
  constructor(
    private readonly store: IsolationStore,
    private readonly log: Logger,
  ) {
    this.current = this.saved = store.load();
  }

  get durable(): Durable {
    return this.current;
  }

  /** Why the state is not on disk; empty: it is. */
  get problem(): string {
    return this.found;
  }

  /** Changes the state in memory; `save` makes it last. */
  change(changes: Partial<Durable>): void {
    this.current = { ...this.current, ...changes };
  }

  /** Whether the state is on disk now. */
  save(): boolean {
    if (this.current === this.saved) return true;
    try {
      this.store.save(this.current);
      this.saved = this.current;
      this.found = '';
      return true;
    } catch (error) {
      this.found = `the state cannot be saved and would not survive a restart: ${(error as Error).message}`;
      this.log.error({ err: error }, 'the state cannot be saved; make room in the data folder');
      return false;
    }
  }
}
