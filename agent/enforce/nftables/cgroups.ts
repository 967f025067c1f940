import { readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { RuleApplication } from '../plan.js';
import type { CgroupMatch } from './cgroup-match.js';
import type { AgentIdentity, RenderContext } from './render.js';

/** nft resolves cgroup paths below this folder, whatever is mounted there (hybrid hosts: `unified/...`). */
const NFT_ROOT = '/sys/fs/cgroup';

/** Looks up the cgroups that a plan needs. Read again at each apply: a restarted service has a new cgroup. */
export function readRenderContext(): RenderContext {
  const mount = cgroup2Mount(readFileSync('/proc/self/mountinfo', 'utf8'));
  const find = (path: string): CgroupMatch | undefined =>
    mount === undefined ? undefined : locate(mount, path);
  return {
    agent: identify(find),
    findCgroup: (application) =>
      applicationPaths(application)
        .map(find)
        .find((found) => found !== undefined),
  };
}

/** Mount point of the cgroup2 hierarchy, if nft can name paths below it. */
export function cgroup2Mount(mountinfo: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const mountPoint = before.split(' ')[4];
    if (!after.startsWith('cgroup2 ') || mountPoint === undefined) continue;
    if (mountPoint === NFT_ROOT || mountPoint.startsWith(`${NFT_ROOT}/`)) return mountPoint;
  }
  return undefined;
}

/** Path of this process below the cgroup2 root; undefined in the root itself or outside what can be seen. */
export function ownCgroupPath(procSelfCgroup: string): string | undefined {
  const path = /^0::\/(.+)$/m.exec(procSelfCgroup)?.[1];
  return path === undefined || path.startsWith('..') ? undefined : path;
}

function identify(find: (path: string) => CgroupMatch | undefined): AgentIdentity {
  const path = ownCgroupPath(readFileSync('/proc/self/cgroup', 'utf8'));
  const cgroup = path === undefined ? undefined : find(path);
  return cgroup ? { kind: 'cgroup', cgroup } : { kind: 'user', uid: process.getuid?.() ?? 0 };
}

/** A path that is not there must never reach nft: it would reject the whole table. */
function locate(mount: string, path: string): CgroupMatch | undefined {
  const folder = join(mount, path);
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  // nft would read on at a quote, and take an asterisk for a pattern.
  if (!isFolder || /["*]/.test(path)) return undefined;
  return { level: path.split('/').length, path: relative(NFT_ROOT, folder) };
}

function applicationPaths(application: RuleApplication): string[] {
  switch (application.kind) {
    case 'cgroup':
      return [application.path];
    case 'systemd-unit':
      return systemdPaths(application.name);
    case 'executable-path':
    case 'windows-service':
      return [];
  }
}

/** Where systemd puts a system unit; instances of a template share a slice of the template's name. */
export function systemdPaths(name: string): string[] {
  const unit = /\.(service|socket|scope|slice|mount)$/.test(name) ? name : `${name}.service`;
  if (unit.endsWith('.slice')) return [unit];
  const template = /^([^@]+)@/.exec(unit)?.[1];
  const inSlice = `system.slice/${unit}`;
  return template === undefined
    ? [inSlice]
    : [`system.slice/system-${template.replaceAll('-', '\\x2d')}.slice/${unit}`, inSlice];
}
