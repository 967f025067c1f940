import { DNS_DHCP_PROFILES } from './dns-dhcp.js';
import { INDUSTRIAL_PROFILES } from './industrial.js';
import { INFRASTRUCTURE_PROFILES } from './infrastructure.js';
import type { ProfileData } from './profile-data.js';
import { REMOTE_ACCESS_PROFILES } from './remote-access.js';
import { WINDOWS_PROFILES } from './windows.js';

/** Every standard profile, the default ones first. docs/profiles.md shows them. */
export const PROFILE_DATA: readonly ProfileData[] = [
  ...DNS_DHCP_PROFILES,
  ...INFRASTRUCTURE_PROFILES,
  ...WINDOWS_PROFILES,
  ...REMOTE_ACCESS_PROFILES,
  ...INDUSTRIAL_PROFILES,
];
