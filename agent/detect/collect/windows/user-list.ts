import { WinError } from '../../../windows/error-codes.js';
import { caller, systemLibrary, WindowsError, type Address } from '../../../windows/library.js';
import { waiting, within } from '../../../windows/later.js';
import { CONSTANTS, LOCALGROUP_USERS_INFO_0, USER_INFO_20, USER_INFO_3 } from './layout.js';
import { addressAt, nativeMemory, numberAt, plainAddress, type Memory } from './memory.js';

/** An account of this computer. What is undefined this Windows does not tell. */
export interface ListedUser {
  readonly name: string;
  readonly fullName: string;
  readonly comment: string;
  /** UF_ACCOUNTDISABLE and so on. */
  readonly flags: number;
  readonly home?: string;
  readonly script?: string;
  /** Milliseconds since 1970 UTC; undefined: never, or not known. */
  readonly lastLogon?: number | undefined;
}

export interface UserList {
  /** Whether everything is told about users, or only what the newer levels have. */
  readonly complete: boolean;
  readonly users: readonly ListedUser[];
}

/** The accounts are kept by another process: longest wait for one answer, milliseconds. */
const DEADLINE_MS = 10_000;
const EVERYTHING = 0xffff_ffff;
/** Pages that are read; a domain controller lists its whole domain. */
const MOST_PAGES = 1_000;

export interface UserCalls {
  /** @throws Error where this Windows does not list them, or does not answer */
  list(): Promise<UserList>;
  /** Local groups that somebody belongs to. @throws Error */
  groups(user: string): Promise<string[]>;
}

/** @throws Error on another platform */
export async function userCalls(): Promise<UserCalls> {
  const netapi = await systemLibrary('netapi32.dll');
  const memory = await nativeMemory();
  const free: (buffer: Address) => number = caller(netapi)('uint32_t __stdcall NetApiBufferFree(void *)');
  const enumerate = waiting(
    netapi.func(
      'uint32_t __stdcall NetUserEnum(str16, uint32_t, uint32_t, _Out_ void **, uint32_t, _Out_ uint32_t *, _Out_ uint32_t *, _Inout_ uint32_t *)',
    ),
  );
  const localGroups = waiting(
    netapi.func(
      'uint32_t __stdcall NetUserGetLocalGroups(str16, str16, uint32_t, uint32_t, _Out_ void **, uint32_t, _Out_ uint32_t *, _Out_ uint32_t *)',
    ),
  );
  /** Reads rows and frees them, whatever comes of it. */
  const rows = async (
    call: string,
    size: number,
    ask: (buffer: [Address], read: [number]) => Promise<unknown>,
  ): Promise<{ code: number; rows: Buffer[]; finish: () => void }> => {
    const buffer: [Address] = [null];
    const read: [number] = [0];
    const code = Number(await within(DEADLINE_MS, `${call} does not answer`, ask(buffer, read)));
    const start = plainAddress(buffer[0]);
    const bytes = start === 0n || read[0] === 0 ? Buffer.alloc(0) : memory.bytes(start, size * read[0]);
    return {
      code,
      rows: Array.from({ length: bytes.length / size }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      ),
      finish: () => {
        if (start !== 0n) free(buffer[0]);
      },
    };
  };
  /** Undefined: this Windows does not have the level. */
  const listLevel = async ({ level, size, read }: Level): Promise<ListedUser[] | undefined> => {
    const users: ListedUser[] = [];
    const resume: [number] = [0];
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const found = await rows('NetUserEnum', size, (buffer, count) =>
        enumerate(null, level, CONSTANTS.FILTER_NORMAL_ACCOUNT, buffer, EVERYTHING, count, [0], resume),
      );
      try {
        if (found.code === WinError.INVALID_LEVEL) return undefined;
        if (found.code !== WinError.SUCCESS && found.code !== WinError.MORE_DATA)
          throw new WindowsError('NetUserEnum', found.code);
        users.push(...found.rows.map((row) => read(row, memory)));
      } finally {
        found.finish();
      }
      if (found.code === WinError.SUCCESS) return users;
    }
    throw new Error(`there are more than ${users.length} users`);
  };
  return {
    list: async () => {
      const whole = await listLevel(LEVEL_3);
      if (whole !== undefined) return { complete: true, users: whole };
      const short = await listLevel(LEVEL_20);
      if (short === undefined) throw new WindowsError('NetUserEnum', WinError.INVALID_LEVEL);
      return { complete: false, users: short };
    },
    groups: async (user) => {
      const found = await rows('NetUserGetLocalGroups', LOCALGROUP_USERS_INFO_0.size, (buffer, count) =>
        localGroups(null, user, 0, CONSTANTS.LG_INCLUDE_INDIRECT, buffer, EVERYTHING, count, [0]),
      );
      try {
        if (found.code !== WinError.SUCCESS) throw new WindowsError('NetUserGetLocalGroups', found.code);
        return found.rows.map((row) =>
          memory.text(addressAt(row, LOCALGROUP_USERS_INFO_0.fields.lgrui0_name)),
        );
      } finally {
        found.finish();
      }
    },
  };
}

type Texts = Pick<Memory, 'text'>;

interface Level {
  readonly level: number;
  /** Bytes of a row. */
  readonly size: number;
  readonly read: (row: Buffer, memory: Texts) => ListedUser;
}

const LEVEL_3: Level = { level: 3, size: USER_INFO_3.size, read: readUser };
const LEVEL_20: Level = { level: 20, size: USER_INFO_20.size, read: readShortUser };

/** A USER_INFO_3. */
export function readUser(row: Buffer, { text }: Texts): ListedUser {
  const { fields } = USER_INFO_3;
  const seconds = numberAt(row, fields.usri3_last_logon);
  return {
    name: text(addressAt(row, fields.usri3_name)),
    fullName: text(addressAt(row, fields.usri3_full_name)),
    comment: text(addressAt(row, fields.usri3_comment)),
    flags: numberAt(row, fields.usri3_flags),
    home: text(addressAt(row, fields.usri3_home_dir)),
    script: text(addressAt(row, fields.usri3_script_path)),
    lastLogon: seconds === 0 ? undefined : seconds * 1000,
  };
}

/** A USER_INFO_20. */
export function readShortUser(row: Buffer, { text }: Texts): ListedUser {
  const { fields } = USER_INFO_20;
  return {
    name: text(addressAt(row, fields.usri20_name)),
    fullName: text(addressAt(row, fields.usri20_full_name)),
    comment: text(addressAt(row, fields.usri20_comment)),
    flags: numberAt(row, fields.usri20_flags),
  };
}
