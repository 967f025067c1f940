import type { SystemFiles } from './system-files.js';

/** A line of /etc/passwd. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Full name, and after commas office and telephones. */
  readonly comment: string;
  readonly home: string;
  readonly shell: string;
}

/** A line of /etc/group. */
export interface Group {
  readonly name: string;
  readonly gid: number;
  /** Names of those who are in it beside those whose own group it is. */
  readonly members: readonly string[];
}

/** 16 MiB: about 200,000 accounts. */
const LIMIT = 16 * 1024 * 1024;

/** Local accounts. Those of directory services are not among them. */
export function readAccounts(files: SystemFiles): Account[] {
  return fieldsOf(files.read('/etc/passwd', LIMIT)).flatMap(([name, , uid, gid, comment, home, shell]) =>
    name && isId(uid) && isId(gid)
      ? [
          {
            name,
            uid: Number(uid),
            gid: Number(gid),
            comment: comment ?? '',
            home: home ?? '',
            shell: shell ?? '',
          },
        ]
      : [],
  );
}

export function readGroups(files: SystemFiles): Group[] {
  return fieldsOf(files.read('/etc/group', LIMIT)).flatMap(([name, , gid, members]) =>
    name && isId(gid)
      ? [{ name, gid: Number(gid), members: (members ?? '').split(',').filter(Boolean) }]
      : [],
  );
}

/** Lines of /etc/shadow by account: password, day of its last change, and so on. */
export function readShadow(files: SystemFiles): ReadonlyMap<string, readonly string[]> {
  return new Map(fieldsOf(files.read('/etc/shadow', LIMIT)).map((fields) => [fields[0] ?? '', fields]));
}

/** Tells the name of an account; its number as text where it has none here. */
export function accountNames(files: SystemFiles): (uid: number) => string {
  const names = new Map<number, string>();
  for (const { uid, name } of readAccounts(files)) if (!names.has(uid)) names.set(uid, name);
  return (uid) => names.get(uid) ?? String(uid);
}

function fieldsOf(text: string | undefined): string[][] {
  return (text ?? '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

function isId(text: string | undefined): boolean {
  return /^\d{1,10}$/.test(text ?? '');
}
