/**
 * What the process that checks a login password ends with. 0 and 1 are left out: Node ends with 1 when it fails by itself, and a module of
 * PAM that ends the whole process may well do it with 0, which must not release anything.
 */
export const Verdict = {
  FITS: 12,
  /** The password is wrong, or the account is not allowed in. */
  REFUSED: 10,
  /** It could not be checked. */
  TROUBLE: 11,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** What it reads. */
export interface LoginQuestion {
  readonly user: string;
  readonly password: string;
}

/** What it finds. */
export interface LoginAnswer {
  readonly verdict: Verdict;
  /** For people. */
  readonly why: string;
}
