import { readFileSync } from 'node:fs';

/** A mounted file system, as /proc/self/mountinfo has it (man 5 proc). */
export interface Mount {
  /** `major:minor`. */
  readonly device: string;
  /** Folder of the file system that is mounted: not `/` for a bind mount. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  /** A program of somebody who is not root serves it (FUSE), and may never answer. */
  readonly ofUser?: true;
}

/** With what is mounted there: a device, or what stands for one, for example `server:/export`. */
export interface SourcedMount extends Mount {
  readonly source: string;
}

/** File systems that are views of the kernel: they have no files of their own, and reading some of them does things. */
const PSEUDO: ReadonlySet<string> = new Set(
  `proc sysfs cgroup cgroup2 devtmpfs devpts debugfs tracefs securityfs configfs bpf pstore efivarfs mqueue hugetlbfs
   binfmt_misc fusectl rpc_pipefs nsfs autofs selinuxfs binder nfsd resctrl smackfs fuse.lxcfs fuse.gvfsd-fuse
   fuse.portal`.split(/\s+/),
);

/** File systems whose files are on another computer. */
const NETWORK: ReadonlySet<string> = new Set(
  `nfs nfs4 cifs smb3 smbfs 9p ceph glusterfs fuse.glusterfs afs coda ncpfs lustre gpfs ocfs2 gfs2 pvfs2 beegfs virtiofs
   fuse.sshfs fuse.s3fs fuse.rclone fuse.davfs fuse.curlftpfs fuse.ceph fuse.cephfs davfs orangefs`.split(
    /\s+/,
  ),
);

export type MountKind = 'local' | 'network' | 'pseudo';

/** One that a user's program serves is as far away as one on another computer. */
export function kindOf({ type, ofUser }: Mount): MountKind {
  if (PSEUDO.has(type)) return 'pseudo';
  return ofUser || NETWORK.has(type) ? 'network' : 'local';
}

/** What is mounted where a path goes through, as this process sees it. None outside Linux. */
export function readMounts(platform: NodeJS.Platform): Mount[] {
  return platform === 'linux' ? parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')) : [];
}

export function parseMounts(text: string): SourcedMount[] {
  const byPoint = new Map<string, SourcedMount>();
  for (const line of text.split('\n')) {
    const [left = '', right] = line.split(' - ', 2);
    const [, , device, root, point] = left.split(' ');
    const [type, source = '', options = ''] = right?.split(' ') ?? [];
    if (!device || !root || !point || !type) continue;
    // A later mount hides an earlier one at the same place.
    byPoint.set(unescaped(point), {
      device,
      root: unescaped(root),
      point: unescaped(point),
      type,
      source: unescaped(source),
      ...(type.startsWith('fuse') && /(^|,)user_id=[1-9]/.test(options) ? { ofUser: true as const } : {}),
    });
  }
  return [...byPoint.values()];
}

/** Spaces and line breaks are written as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** The mount that a path is on. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts
    .filter(({ point }) => isBelow(path, point))
    .reduce<Mount | undefined>(
      (best, mount) => (best && best.point.length > mount.point.length ? best : mount),
      undefined,
    );
}

/**
 * Mounts whose files are scanned elsewhere: the same folder of the same file system, or one above it, lies in scope at
 * another place too. Found from the table of mounts and not from folders seen, so that a scan that goes on after its process
 * ended comes to the same.
 * @param inScope whether the scan comes to a path
 */
export function seenElsewhere(
  mounts: readonly Mount[],
  inScope: (path: string) => boolean,
): ReadonlySet<string> {
  const seen = new Set<string>();
  for (const mount of mounts) {
    const again = mounts.some((other) => {
      if (other === mount || other.device !== mount.device || !isBelow(mount.root, other.root)) return false;
      const place = joined(other.point, mount.root.slice(other.root === '/' ? 0 : other.root.length));
      if (place === mount.point || !inScope(place) || mountOf(place, mounts) !== other) return false;
      // Of two that show the same, the first by name counts.
      return mount.root !== other.root || place < mount.point;
    });
    if (again) seen.add(mount.point);
  }
  return seen;
}

function joined(point: string, rest: string): string {
  if (rest === '' || rest === '/') return point;
  return point === '/' ? rest : point + rest;
}

function isBelow(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}
