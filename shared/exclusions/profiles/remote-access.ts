import { firstVersion, IN, TCP, UDP, type ProfileData } from './profile-data.js';

/** Ways for people to work on the isolated computer; narrow the remote addresses to those that they come from. */
export const REMOTE_ACCESS_PROFILES: readonly ProfileData[] = [
  {
    id: 'rdp-server',
    displayName: 'RDP in',
    description: 'People open remote desktop sessions on the computer.',
    isDefault: false,
    versions: firstVersion([
      {
        name: 'Remote desktop (TCP)',
        direction: IN,
        protocol: TCP,
        local: [3389],
        source: 'Microsoft, [MS-RDPBCGR] section 2.1 (TCP port 3389)',
      },
      {
        name: 'Remote desktop (UDP)',
        direction: IN,
        protocol: UDP,
        local: [3389],
        source: 'Microsoft, [MS-RDPEUDP] section 2.1 (UDP port 3389)',
      },
    ]),
  },
  {
    id: 'ssh-server',
    displayName: 'SSH in',
    description: 'People open SSH sessions on the computer.',
    isDefault: false,
    versions: firstVersion([
      {
        name: 'SSH',
        direction: IN,
        protocol: TCP,
        local: [22],
        source: 'RFC 4253 section 4.1 (TCP port 22)',
      },
    ]),
  },
  {
    id: 'winrm-server',
    displayName: 'WinRM in',
    description: 'The computer is managed by Windows Remote Management or PowerShell remoting.',
    isDefault: false,
    versions: firstVersion([
      {
        name: 'Windows Remote Management',
        direction: IN,
        protocol: TCP,
        local: [[5985, 5986]],
        source:
          'Microsoft, WinRM: https://learn.microsoft.com/windows/win32/winrm/installation-and-configuration-for-windows-remote-management (HTTP 5985, HTTPS 5986)',
      },
    ]),
  },
];
