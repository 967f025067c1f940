import type { SystemFiles } from './system-files.js';

/** `struct lastlog` of glibc: time, terminal, host; one record for each user id. */
const LASTLOG_SIZE = 292;
/** `struct utmp` of glibc, the same on 32 and 64 bits. */
const UTMP_SIZE = 384;
const UTMP_USER = { offset: 44, length: 32 };
const UTMP_TIME = 340;
const USER_PROCESS = 7;
/** Newest part of a record of logins that is looked at: about 10,000 logins. */
const UTMP_LIMIT = UTMP_SIZE * 10_000;

export interface Login {
  readonly user: string;
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
}

/** Logins in a file such as /var/log/wtmp or /run/utmp, oldest first. */
export function readLogins(files: SystemFiles, path: string): Login[] {
  const size = files.size(path) ?? 0;
  const whole = size - (size % UTMP_SIZE);
  const start = Math.max(0, whole - UTMP_LIMIT);
  const bytes = files.bytes(path, start, whole - start) ?? Buffer.alloc(0);
  const logins: Login[] = [];
  for (let at = 0; at + UTMP_SIZE <= bytes.length; at += UTMP_SIZE) {
    if (bytes.readInt16LE(at) !== USER_PROCESS) continue;
    const from = at + UTMP_USER.offset;
    logins.push({
      user: textIn(bytes.subarray(from, from + UTMP_USER.length)),
      time: bytes.readUInt32LE(at + UTMP_TIME) * 1000,
    });
  }
  return logins;
}

/** Last login of a user as /var/log/lastlog has it, milliseconds since 1970 UTC; undefined: never, or not recorded. */
export function lastLogin(files: SystemFiles, uid: number): number | undefined {
  const record = files.bytes('/var/log/lastlog', uid * LASTLOG_SIZE, 4);
  const seconds = record?.length === 4 ? record.readUInt32LE() : 0;
  return seconds === 0 ? undefined : seconds * 1000;
}

function textIn(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end === -1 ? bytes.length : end).toString();
}
