import type { SystemFiles } from './system-files.js';

/** A line of /proc/self/mountinfo. */
export interface Mount {
  readonly point: string;
  /** `ext4`, `nfs4`, `fuse.sshfs` ... */
  readonly type: string;
  /** Device, or what stands for one, for example `server:/export`. */
  readonly source: string;
  /** Device number, for example `8:1`. */
  readonly device: string;
}

/** Everything that is mounted where this process sees it, in the order of mounting. */
export function readMounts(files: SystemFiles): Mount[] {
  return (files.read('/proc/self/mountinfo', 16 * 1024 * 1024) ?? '').split('\n').flatMap((line) => {
    const [before = '', after] = line.split(' - ');
    const [, , device, , point] = before.split(' ');
    const [type, source] = after?.split(' ') ?? [];
    if (device === undefined || point === undefined || type === undefined || source === undefined) return [];
    return [{ device, point: unescaped(point), type, source: unescaped(source) }];
  });
}

/** File systems that hold no files of their own: windows into the kernel. */
const KERNEL_TYPES = new Set([
  'autofs',
  'binfmt_misc',
  'bpf',
  'cgroup',
  'cgroup2',
  'configfs',
  'debugfs',
  'devpts',
  'efivarfs',
  'fusectl',
  'hugetlbfs',
  'mqueue',
  'nsfs',
  'proc',
  'pstore',
  'rpc_pipefs',
  'securityfs',
  'selinuxfs',
  'sysfs',
  'tracefs',
]);

/** File systems whose data lies on another computer, or with a program that may not answer. */
const REMOTE_TYPES =
  /^(nfs\d?|cifs|smb3|smbfs|9p|afs|ceph|glusterfs|lustre|ncpfs|ocfs2|beegfs|virtiofs|fuse(\..+)?)$/;

export function isKernelMount({ type }: Mount): boolean {
  return KERNEL_TYPES.has(type);
}

export function isRemoteMount({ type }: Mount): boolean {
  return REMOTE_TYPES.test(type);
}

/** Spaces and the like are written as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
