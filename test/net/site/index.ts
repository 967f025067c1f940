/** A site of network namespaces for packet tests and the demo. */
export { canMakeCgroups, makeCgroup, makeServiceCgroup, type TestCgroup } from './cgroups.js';
export { countPackets, type PacketCounters } from './counters.js';
export { Host } from './host.js';
export { itNeeding } from './it-needing.js';
export { canBeAnotherUser, requireNetAdmin } from './privilege.js';
export type { ConnectionEnd, Outcome, Target } from './protocol.js';
export { createSite, type Site, type SiteOptions } from './site.js';
export type { Toolbox } from './toolbox.js';
