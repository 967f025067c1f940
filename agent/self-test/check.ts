/** How a check ended. */
export type Outcome =
  /** What was seen, in a few words. */
  | { readonly kind: 'pass'; readonly found: string }
  /** What was seen in place of what should be, and what a person does next. */
  | { readonly kind: 'fail'; readonly found: string; readonly next: string }
  /** The check could not look here. It has not passed: a computer that cannot be checked proves nothing. */
  | { readonly kind: 'skip'; readonly why: string; readonly next: string };

/** The settings that some checks look at. */
export interface Subject {
  /** Folder of identity and state. */
  readonly dataDir: string;
  /** Path of the local control socket or name of the pipe. */
  readonly controlSocket: string;
}

/**
 * One question about this computer. A check leaves nothing behind, even where its process is killed in the middle: it reads,
 * or works on objects that vanish with the process or with a transaction that is aborted, and on addresses of this
 * computer or of documentation.
 */
export interface Check {
  /** What is typed: lower case, digits and hyphens. Never changed once released; docs/known-limits.md names it. */
  readonly name: string;
  readonly platform: 'linux' | 'win32';
  /** What passes if it passes, as one sentence. */
  readonly claim: string;
  /** Anything that it throws is a failure. */
  run(subject: Subject): Promise<Outcome>;
}

export const pass = (found: string): Outcome => ({ kind: 'pass', found });
export const fail = (found: string, next: string): Outcome => ({ kind: 'fail', found, next });
export const skip = (why: string, next: string): Outcome => ({ kind: 'skip', why, next });
