/** Milliseconds of each round, under Node for Windows. */
export interface ApplyTimes {
  /** From a plan to filters that were read back, where there were none. */
  readonly apply: number[];
  /** The same plan once more. */
  readonly again: number[];
  readonly inspect: number[];
  /** The longest in which the event loop did nothing else. */
  readonly pause: number[];
}
