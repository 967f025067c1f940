import { TCP, portIn, protocolIs } from '../../enforce/wfp/conditions.js';
import type { Condition } from '../../enforce/wfp/types.js';

const only = (port: number) => ({ first: BigInt(port), last: BigInt(port) });

/** TCP to a port of the other side. */
export const tcpTo = (port: number): Condition[] => [protocolIs(TCP), portIn('IP_REMOTE_PORT', only(port))];
/** TCP to a port of this computer. */
export const tcpAt = (port: number): Condition[] => [protocolIs(TCP), portIn('IP_LOCAL_PORT', only(port))];
