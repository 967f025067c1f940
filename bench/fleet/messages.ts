/** Method of the bare peer: bytes both ways. */
export const BARE_METHOD = '/bench.Bare/Stream';

/** To the fleet process: open the streams. */
export interface FleetStart {
  readonly kind: 'start';
  readonly mode: 'cordon' | 'bare';
  readonly target: string;
  /** PEM. */
  readonly ca: string;
  /** JSON array of credentials. */
  readonly credentialsFile: string;
  readonly count: number;
}

/** To the fleet process: report when every stream has had this generation confirmed. */
export interface FleetOrder {
  readonly kind: 'await';
  readonly generation: string;
}

/** From a child: all streams are open, or all have answered. Times of the shared monotonic clock, milliseconds. */
export interface FleetReport {
  readonly kind: 'open' | 'all';
  readonly at: number;
}

/** To the bare server: send this many bytes to every stream. */
export interface BareOrder {
  readonly kind: 'broadcast';
  readonly bytes: number;
}

/** From the bare server when it listens. */
export interface BareReady {
  readonly kind: 'listening';
  readonly port: number;
}
