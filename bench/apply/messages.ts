export interface ApplyRequest {
  readonly rounds: number;
  /** Number of exclusions by address and port; 0: the default profiles. */
  readonly exclusions: number;
}
