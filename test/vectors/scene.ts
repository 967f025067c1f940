import {
  flowAddress,
  linuxKnows,
  windowsKnows,
  type FlowAddress,
  type Opener,
} from '../../agent/enforce/matching.js';
import type { Packet, Transport } from '../../agent/enforce/model.js';
import type { RenderContext } from '../../agent/enforce/nftables/render.js';
import type { RuleApplication } from '../../agent/enforce/plan.js';
import type { WfpContext } from '../../agent/enforce/wfp/filters.js';
import { parseSid, serviceSid } from '../../agent/windows/sid.js';
import type { ApplicationMatch } from '../../shared/gen/cordon/v1/exclusion.js';

/** Who is on the device: the same programs on both platforms, under the names that each has for them. */

export interface Owner {
  readonly name: string;
  /** Windows: path as the rule names it, and the SIDs of the process. */
  readonly executable: string;
  readonly token: readonly Buffer[];
  /** Linux: control group below the root. */
  readonly cgroup: string;
}

const AGENT_EXECUTABLE = 'C:\\Program Files\\Cordon\\cordon-agent.exe';
const AGENT_SERVICE = 'cordon-agent';
const USER = parseSid('S-1-5-21-1004336348-1177238915-682003330-1001');
const USERS = parseSid('S-1-5-32-545');
const LOCAL_SYSTEM = parseSid('S-1-5-18');

export const OWNERS = {
  browser: {
    name: 'browser',
    executable: 'C:\\Programs\\Browser\\browser.exe',
    token: [USER, USERS],
    cgroup: 'user.slice/browser',
  },
  clock: {
    name: 'clock',
    executable: 'C:\\Windows\\System32\\svchost.exe',
    token: [LOCAL_SYSTEM, serviceSid('clock')],
    cgroup: 'system.slice/clock.service',
  },
  /** Another service in the executable of the first. */
  printer: {
    name: 'printer',
    executable: 'C:\\Windows\\System32\\svchost.exe',
    token: [LOCAL_SYSTEM, serviceSid('printer')],
    cgroup: 'system.slice/printer.service',
  },
  agent: {
    name: 'agent',
    executable: AGENT_EXECUTABLE,
    token: [LOCAL_SYSTEM, serviceSid(AGENT_SERVICE)],
    cgroup: 'system.slice/cordon-agent.service',
  },
  /** A program that the agent started. */
  child: {
    name: 'child',
    executable: 'C:\\Windows\\System32\\msg.exe',
    token: [LOCAL_SYSTEM, serviceSid(AGENT_SERVICE)],
    cgroup: 'system.slice/cordon-agent.service',
  },
  /** The agent's executable, run by somebody else. */
  impostor: {
    name: 'impostor',
    executable: AGENT_EXECUTABLE,
    token: [USER, USERS],
    cgroup: 'user.slice/shell',
  },
} as const satisfies Record<string, Owner>;

/** Programs that exclusions name; the last of each kind is not there. */
export const PROGRAMS: readonly ApplicationMatch[] = [
  { target: { $case: 'executablePath', value: OWNERS.browser.executable } },
  { target: { $case: 'executablePath', value: OWNERS.clock.executable } },
  { target: { $case: 'executablePath', value: 'C:\\Programs\\gone.exe' } },
  { target: { $case: 'windowsService', value: 'Clock' } },
  { target: { $case: 'windowsService', value: 'gone' } },
  { target: { $case: 'cgroup', value: OWNERS.browser.cgroup } },
  { target: { $case: 'cgroup', value: 'user.slice' } },
  { target: { $case: 'systemdUnit', value: 'clock.service' } },
  { target: { $case: 'systemdUnit', value: 'gone.service' } },
];

/** An AppId as Windows makes one: the path on the volume's device, lower case, with its zero. */
export function appIdOf(path: string): Buffer {
  return Buffer.from(`${path.replace(/^C:/, '\\device\\harddiskvolume3').toLowerCase()}\0`, 'utf16le');
}

export const WINDOWS: WfpContext = {
  agent: { appId: appIdOf(AGENT_EXECUTABLE), sid: serviceSid(AGENT_SERVICE) },
  appIds: new Map([
    [OWNERS.browser.executable, appIdOf(OWNERS.browser.executable)],
    [OWNERS.clock.executable, appIdOf(OWNERS.clock.executable)],
    ['C:\\Programs\\gone.exe', undefined],
  ]),
};

export const LINUX: RenderContext = {
  agent: { kind: 'cgroup', cgroup: { level: 2, path: OWNERS.agent.cgroup } },
  findCgroup: (application) => {
    const path = cgroupOf(application);
    return path === undefined ? undefined : { level: path.split('/').length, path };
  },
};

/** A packet without what a platform knows of its owner. */
export interface Probe {
  readonly way: 'in' | 'out';
  readonly local: string;
  readonly remote: string;
  readonly transport: Transport;
  readonly loopback: boolean;
  readonly owner: keyof typeof OWNERS;
}

export function packetOn(platform: 'windows' | 'linux', probe: Probe): Packet {
  const { way, transport, loopback } = probe;
  const owner: Owner = OWNERS[probe.owner];
  return {
    way,
    local: address(probe.local),
    remote: address(probe.remote),
    transport,
    loopback,
    openedBy: openerOf(probe),
    isAgents: probe.owner === 'agent' || (platform === 'linux' && owner.cgroup === OWNERS.agent.cgroup),
    belongsTo: (application, openedBy) =>
      platform === 'windows'
        ? windowsKnows(application, openedBy) && isOnWindows(application, owner)
        : linuxKnows(application, openedBy) && way === 'out' && isOnLinux(application, owner),
  };
}

/** Replies that nobody asked for belong to no exchange. */
function openerOf({ way, transport }: Probe): Opener | 'unknown' {
  const replies: readonly number[] = transport.protocol === 'icmp' ? [0, 14] : [129];
  const isIcmp = transport.protocol === 'icmp' || transport.protocol === 'icmpv6';
  if (isIcmp && replies.includes(transport.type)) return 'unknown';
  return way === 'out' ? 'this-computer' : 'other-side';
}

function isOnWindows(application: RuleApplication, { executable, token }: Owner): boolean {
  switch (application.kind) {
    case 'executable-path':
      return application.path === executable;
    case 'windows-service':
      return token.some((sid) => sid.equals(serviceSid(application.name)));
    case 'systemd-unit':
    case 'cgroup':
      return false;
  }
}

function isOnLinux(application: RuleApplication, { cgroup }: Owner): boolean {
  const path = cgroupOf(application);
  return path !== undefined && (cgroup === path || cgroup.startsWith(`${path}/`));
}

function cgroupOf(application: RuleApplication): string | undefined {
  switch (application.kind) {
    case 'cgroup':
      return application.path;
    case 'systemd-unit':
      return application.name === 'gone.service' ? undefined : `system.slice/${application.name}`;
    case 'executable-path':
    case 'windows-service':
      return undefined;
  }
}

function address(text: string): FlowAddress {
  const read = flowAddress(text);
  if (!read) throw new Error(`"${text}" is no address`);
  return read;
}
