/** What a tool process is asked to do, over its IPC channel. */
export interface ToolRequests {
  /** Echo server for TCP and UDP on both IP versions; port 0 picks one. */
  echo: { readonly port: number };
  /** Opens a TCP connection, closes it, and says how it went. */
  tcpConnect: Target;
  /** Sends one datagram and waits for its echo. */
  udpExchange: Target;
  /** Opens a TCP connection and keeps it; `id` names it in `ends`. */
  hold: Target;
  /** Ends seen so far: of connections held here, and of those accepted by echo servers here. */
  ends: object;
  /** Sends numbered packets until `stopStream`. TCP sends on one connection, and opens a new one when it ends. */
  startStream: Target & { readonly protocol: 'tcp' | 'udp'; readonly intervalMs: number };
  /** Ends a stream and says what it did. */
  stopStream: { readonly id: number };
}

export interface Target {
  /** IPv4 or IPv6 address. */
  readonly address: string;
  readonly port: number;
  /** Source port; absent: any. */
  readonly localPort?: number;
  /** Default 1000. */
  readonly timeoutMs?: number;
}

/** How an attempt ended; `blocked` is an error from this computer's own packet filter. */
export type Outcome = 'open' | 'refused' | 'timeout' | 'unreachable' | 'blocked';

export interface ConnectionEnd {
  /** Which end it is: made by `hold`, or accepted by an echo server. */
  readonly side: 'held' | 'accepted';
  /** Number given by `hold`; 0 on the accepting side. */
  readonly id: number;
  readonly peerAddress: string;
  readonly peerPort: number;
  /** Error code such as ECONNRESET, or `closed` for an orderly end. */
  readonly reason: string;
  /** Wall clock, milliseconds. */
  readonly at: number;
}

export interface ToolAnswers {
  echo: { readonly port: number };
  tcpConnect: { readonly outcome: Outcome; readonly ms: number };
  udpExchange: { readonly answered: boolean; readonly ms: number };
  hold: { readonly id: number; readonly localPort: number };
  ends: { readonly ends: readonly ConnectionEnd[] };
  startStream: { readonly id: number };
  stopStream: {
    readonly sent: number;
    readonly answered: number;
    /** TCP: how many it took; 1: it was never cut. */
    readonly connections: number;
    /** TCP: numbers that did not follow the one before. */
    readonly outOfOrder: number;
    readonly longestGapMs: number;
  };
}

export type ToolName = keyof ToolRequests;

export interface RequestMessage {
  readonly call: number;
  readonly name: ToolName;
  readonly request: unknown;
}

export type AnswerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly call: number; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly call: number; readonly message: string };
