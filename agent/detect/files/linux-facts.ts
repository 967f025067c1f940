import { accountNames, readGroups } from '../collect/linux/accounts.js';
import { systemFiles, type SystemFiles } from '../collect/linux/system-files.js';
import type { FileFacts } from './file-item.js';

/** What Linux tells of files. Owners are local accounts; others are their numbers. Attributes are Windows' alone. */
export function linuxFacts(files: SystemFiles = systemFiles()): FileFacts {
  let users: ((uid: number) => string) | undefined;
  let groups: ReadonlyMap<number, string> | undefined;
  return {
    terms: new Set(
      ['Username', 'Group', 'GroupID', 'INode', 'Permissions'].map((name) => `FileItem/${name}`),
    ),
    about: (_path, { uid, gid, ino, mode }) => {
      users ??= accountNames(files);
      groups ??= new Map(readGroups(files).map((group) => [group.gid, group.name]));
      return [
        ['FileItem/Username', [users(uid)]],
        ['FileItem/Group', [groups.get(gid) ?? String(gid)]],
        ['FileItem/GroupID', [String(gid)]],
        ['FileItem/INode', [ino]],
        // The octal digits read as a decimal number: 755 for rwxr-xr-x.
        ['FileItem/Permissions', [Number((mode & 0o7777).toString(8))]],
      ];
    },
  };
}
