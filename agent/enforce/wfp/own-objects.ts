import { securityDescriptor } from '../../windows/security-descriptor.js';
import { SIDS } from '../../windows/sid.js';
import { FWPM_ACTRL } from './constants.js';
import { guid } from './guids.js';
import type { Provider, Sublayer } from './types.js';

/** Never change these three: what an older version left could not be found and removed any more. */
const PROVIDER_KEY = guid('33a3e4d2-7575-442e-a14e-9de816be3f04');
const SUBLAYER_KEY = guid('10d59736-0afe-44a8-bd04-66d68938b63e');
/** Namespace of the keys of filters (keys.ts). */
export const KEY_NAMESPACE = guid('1035b750-b516-47fc-899b-4668e09b64a3');

/** No service name: BFE would not load the filters while that service is disabled, and the computer would be open. */
export const PROVIDER: Provider = {
  key: PROVIDER_KEY,
  name: 'Cordon',
  description: 'Isolates this computer from the network',
  lifetime: 'persistent',
  data: Buffer.alloc(0),
  serviceName: undefined,
};

/** Asked before those of all others: nobody's permit is in force yet when ours decide. */
export const SUBLAYER: Sublayer = {
  key: SUBLAYER_KEY,
  name: 'Cordon',
  description: 'What may pass while this computer is isolated, and a block for the rest',
  provider: PROVIDER_KEY,
  lifetime: 'persistent',
  data: Buffer.alloc(0),
  weight: 0xffff,
};

/** All FWPM_ACTRL_* rights, DELETE, READ_CONTROL, WRITE_DAC and WRITE_OWNER. */
const EVERYTHING = 0x000f_07ff;
const READ_CONTROL = 0x0002_0000;
const LOOKING =
  READ_CONTROL | FWPM_ACTRL.FWPM_ACTRL_READ | FWPM_ACTRL.FWPM_ACTRL_READ_STATS | FWPM_ACTRL.FWPM_ACTRL_ENUM;

/** For provider, sublayer and filters: the service and administrators may change them, everybody may look at them. */
export const OBJECTS_DACL = securityDescriptor([
  { kind: 'allow', sid: SIDS.localSystem, access: EVERYTHING },
  { kind: 'allow', sid: SIDS.administrators, access: EVERYTHING },
  { kind: 'allow', sid: SIDS.everyone, access: LOOKING },
]);
