/** Address without the port, from what grpc-js says about the other side (`192.0.2.1:5000`, `[::1]:5000`, `::1:5000`). */
export function addressOfPeer(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}
