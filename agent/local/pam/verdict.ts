/** What the process that asks PAM ends with. 1 is left out: Node ends with it when it fails by itself. */
export const Verdict = {
  FITS: 0,
  /** The password is wrong, or the account is not allowed in. */
  REFUSED: 10,
  /** It could not be checked. */
  TROUBLE: 11,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** What it reads. */
export interface PamQuestion {
  readonly user: string;
  readonly password: string;
}
