import type { Socket } from 'node:net';

/** Who is at the other end of a unix socket, as the kernel noted it when the connection was made. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
}

/** Undefined: the kernel does not say. Nobody is let in then. */
export type PeerReader = (socket: Socket) => Peer | undefined;

// <asm-generic/socket.h>. Where an architecture has other numbers the answer has another length, and nobody is let in.
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** `struct ucred`: pid, uid, gid, 32 bits each. */
const UCRED_BYTES = 12;

type GetSockOpt = (fd: number, level: number, name: number, value: Buffer, length: [number]) => number;

/**
 * Reads SO_PEERCRED, which Node has no call for. The library is loaded only here: an agent without it still isolates.
 * @throws Error where the foreign function library cannot be loaded
 */
export async function peerReader(): Promise<PeerReader> {
  const { default: koffi } = await import('koffi');
  const getsockopt = koffi
    .load(null)
    .func(
      'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
    ) as unknown as GetSockOpt;
  return (socket) => {
    // Node does not document its handles; without one there is nothing to ask about.
    const { fd } = (socket as unknown as { _handle: { fd: number } | null })._handle ?? { fd: -1 };
    if (fd < 0) return undefined;
    const value = Buffer.alloc(UCRED_BYTES);
    const length: [number] = [UCRED_BYTES];
    const failed = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) !== 0;
    if (failed || length[0] !== UCRED_BYTES) return undefined;
    return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4) };
  };
}
