/** A key and what proves it, as the streams of a benchmark need them. PEM. */
export interface Credentials {
  readonly id: string;
  readonly key: string;
  readonly certificate: string;
}
