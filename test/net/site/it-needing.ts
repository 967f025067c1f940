/** Something of the system that a test cannot do without. */
export interface Need {
  readonly met: boolean;
  /** What is missing and who has it, in one sentence. */
  readonly why: string;
}

/** A test that is skipped where its need is not met: loudly for a person, as a failure in CI, which must have it. */
export function itNeeding({ met, why }: Need, title: string, run: () => Promise<void>): void {
  if (met) {
    it(title, run);
    return;
  }
  it(title, function () {
    if (process.env['CI']) throw new Error(`cannot be shown here: ${why}`);
    console.warn(`SKIPPED: ${title}: ${why}`);
    this.skip();
  });
}
