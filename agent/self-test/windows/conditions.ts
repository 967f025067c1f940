import type { Layer } from '../../enforce/wfp/guids.js';
import type { Condition, Value } from '../../enforce/wfp/types.js';
import type { Family } from '../loopback.js';

/** FWP_CONDITION_FLAG_IS_LOOPBACK. */
const IS_LOOPBACK = 1;
const TCP = 6;

export const CONNECT: Record<Family, Layer> = { 4: 'ALE_AUTH_CONNECT_V4', 6: 'ALE_AUTH_CONNECT_V6' };
export const ACCEPT: Record<Family, Layer> = { 4: 'ALE_AUTH_RECV_ACCEPT_V4', 6: 'ALE_AUTH_RECV_ACCEPT_V6' };
export const ALE_LAYERS: readonly Layer[] = [CONNECT[4], CONNECT[6], ACCEPT[4], ACCEPT[6]];

export const equals = (field: Condition['field'], value: Value): Condition => ({
  field,
  match: 'equal',
  value,
});
export const tcp: Condition = equals('IP_PROTOCOL', { type: 'uint8', value: TCP });
export const remotePort = (value: number): Condition => equals('IP_REMOTE_PORT', { type: 'uint16', value });
export const localPort = (value: number): Condition => equals('IP_LOCAL_PORT', { type: 'uint16', value });
export const isLoopback: Condition = {
  field: 'FLAGS',
  match: 'flags-all-set',
  value: { type: 'uint32', value: IS_LOOPBACK },
};
