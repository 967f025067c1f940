import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import koffi from 'koffi';
import { failureActionTypes } from '../../agent/windows/service-calls.js';
import { accepted, CONTROL, encodeStatus } from '../../agent/windows/service-status.js';
import { packageRoot } from '../../shared/package-root.js';
import { itNeeding } from '../net/site/it-needing.js';
import { mingw } from './bfe-double/build.js';
import { compile, expressionAsserts } from './static-asserts.js';

const HEADERS = [
  'ws2tcpip.h',
  'iphlpapi.h',
  'winsvc.h',
  'wtsapi32.h',
  'winternl.h',
  'sddl.h',
  'aclapi.h',
  'fwpmu.h',
  'ntstatus.h',
];

/** What numbers of the agent are in C, where they are not called as the headers call them: by name, or by file and name. */
const MEANINGS: Readonly<Record<string, string>> = {
  'boot.ts SYSTEM_TIME_OF_DAY_INFORMATION': 'SystemTimeOfDayInformation',
  'boot.ts SIZE': 'sizeof(SYSTEM_TIMEOFDAY_INFORMATION)',
  'boot.ts BOOT_TIME': 'offsetof(SYSTEM_TIMEOFDAY_INFORMATION, BootTime)',
  // The header calls what follows the time zone reserved: after it and one more number, aligned for the next of 64 bits.
  'boot.ts BOOT_TIME_BIAS': 'offsetof(SYSTEM_TIMEOFDAY_INFORMATION, Reserved1) + sizeof(ULONG)',
  TYPES_SUPPORTED: 'EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE',
  HKEY_LOCAL_MACHINE: '(ULONG)(ULONG_PTR)HKEY_LOCAL_MACHINE',
  HKEY_USERS: '(ULONG)(ULONG_PTR)HKEY_USERS',
  OWNER_AND_DACL: 'OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION',
  TOKEN_USER: 'TokenUser',
  TOKEN_GROUPS: 'TokenGroups',
  FIRST_GROUP: 'offsetof(TOKEN_GROUPS, Groups)',
  GROUP: 'sizeof(SID_AND_ATTRIBUTES)',
  ATTRIBUTES: 'offsetof(SID_AND_ATTRIBUTES, Attributes)',
  'process-identity.ts FIRST': 'offsetof(TOKEN_GROUPS, Groups)',
  'process-identity.ts SIZE': 'sizeof(SID_AND_ATTRIBUTES)',
  CHANGES:
    'GENERIC_ALL | GENERIC_WRITE | FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES | FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER',
  REPLACES: 'GENERIC_ALL | FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER',
  GENERIC_READ_WRITE: 'GENERIC_READ | GENERIC_WRITE',
  SECURITY_SQOS_PRESENT_IDENTIFICATION: 'SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION',
  ATTRIBUTES_BYTES: 'sizeof(SECURITY_ATTRIBUTES)',
  DESCRIPTOR_OFFSET: 'offsetof(SECURITY_ATTRIBUTES, lpSecurityDescriptor)',
  OVERLAPPED_BYTES: 'sizeof(OVERLAPPED)',
  EVENT_OFFSET: 'offsetof(OVERLAPPED, hEvent)',
  DACL_PRESENT: 'SE_DACL_PRESENT',
  INHERIT_ONLY: 'INHERIT_ONLY_ACE',
  STATUS_PROCESS_SIZE: 'sizeof(SERVICE_STATUS_PROCESS)',
  STILL_ACTIVE: 'STATUS_PENDING',
  ACCESS_DENIED: 'ERROR_ACCESS_DENIED',
  CALL_NOT_IMPLEMENTED: 'ERROR_CALL_NOT_IMPLEMENTED',
  INVALID_LEVEL: 'ERROR_INVALID_LEVEL',
  ALREADY_RUNNING: 'ERROR_SERVICE_ALREADY_RUNNING',
  DOES_NOT_EXIST: 'ERROR_SERVICE_DOES_NOT_EXIST',
  NOT_ACTIVE: 'ERROR_SERVICE_NOT_ACTIVE',
  MARKED_FOR_DELETE: 'ERROR_SERVICE_MARKED_FOR_DELETE',
  EXISTS: 'ERROR_SERVICE_EXISTS',
  'sessions.ts ROW': 'sizeof(WTS_SESSION_INFOW)',
  'sessions.ts STATE': 'offsetof(WTS_SESSION_INFOW, State)',
  'sessions.ts STYLE': 'MB_OK | MB_ICONWARNING | MB_SETFOREGROUND',
  AUTHORITY_OFFSET: 'offsetof(SID, IdentifierAuthority)',
  AUTHORITY_BYTES: 'sizeof(SID_IDENTIFIER_AUTHORITY)',
  MOST_PARTS: 'SID_MAX_SUB_AUTHORITIES',
  MOST_NUMBERS: 'SID_MAX_SUB_AUTHORITIES',
  MAX_SUB_AUTHORITIES: 'SID_MAX_SUB_AUTHORITIES',
  SID_HEADER: 'offsetof(SID, SubAuthority)',
  DESCRIPTOR_HEADER: 'sizeof(SECURITY_DESCRIPTOR_RELATIVE)',
  'sid.ts HEADER': 'offsetof(SID, SubAuthority)',
  HEADER: 'sizeof(SECURITY_DESCRIPTOR_RELATIVE)',
  GUID_SIZE: 'sizeof(GUID)',
  OWNER_AT: 'offsetof(SECURITY_DESCRIPTOR_RELATIVE, Owner)',
  LIST_AT: 'offsetof(SECURITY_DESCRIPTOR_RELATIVE, Dacl)',
  ACL_HEADER: 'sizeof(ACL)',
  ACE_HEADER: 'offsetof(ACCESS_ALLOWED_ACE, SidStart)',
  ALLOW: 'ACCESS_ALLOWED_ACE_TYPE',
  DENY: 'ACCESS_DENIED_ACE_TYPE',
  MATCH_FILTER: 'FWP_ACTRL_MATCH_FILTER',
  IS_LOOPBACK: 'FWP_CONDITION_FLAG_IS_LOOPBACK',
  ICMP: 'IPPROTO_ICMP',
  TCP: 'IPPROTO_TCP',
  UDP: 'IPPROTO_UDP',
  ICMPV6: 'IPPROTO_ICMPV6',
};

/** Bounds, pauses and places of our own, and what no header of mingw-w64 has (enforcement.md names the sources). */
const OURS = new Set(
  `LONGEST_TEXT LONGEST_PATH LARGEST_DESCRIPTOR LARGEST_TOKEN_USER ANYTHING MOST_CHARACTERS BUFFER_BYTES TRANSFER_BYTES LARGEST_EXTRA
   MOST_SESSIONS SERVICES_SESSION FOR_EVER INFORMATION_BYTES MOST_KNOWN LARGEST_BYTES MAX_NAME MAX_CHUNKS ATTEMPTS MAX_PATH
   SLICE NSI_STORE_ACTIVE NSI_SET_DELETE NSI_TCP_CONNECTIONS EVERYTHING LOOKING FLAG_BOOT_TIME FLAG_DISABLED HIGHEST_CLASS
   MAX_BLOB MOST_CONDITIONS MOST_ALTERNATIVES MOST_STRANGERS MOST_WAITING PAGE TRIES WRITE_ATTEMPTS
   LONGEST_VALUE_NAME LONGEST_KEY_NAME LARGEST_VALUE LARGEST_OWNER MOST_KEYS MOST_VALUES MOST_ITEMS MOST_NAMED NAMED_DEPTH
   PROCESS_COMMAND_LINE_INFORMATION LARGEST_COMMAND_LINE MOST_PROCESSES MOST_MODULES TICKS_PER_SECOND CHUNK LARGEST_SETTINGS
   MOST_PAGES MOST_NAMES MOST_RECORDS BATCH LARGEST_EVENT LONGEST_MESSAGE MOST_SOURCES MOST_EVENTS MOST_ROWS LONGEST_ALIAS
   LARGEST_FILE ROUTER`.split(/\s+/),
);

const FOLDERS = ['agent/windows', 'agent/enforce/iphlp', 'agent/enforce/wfp', 'agent/detect/collect/windows'];
/** Have tests of their own: layout.test.ts, connections.test.ts. */
const ELSEWHERE = ['constants.ts', 'layout.ts', 'error-codes.ts'];

interface Constant {
  /** Expression in C. */
  readonly meaning: string;
  readonly value: number;
}

/** Every number with a name in capitals in these folders that the headers have an opinion about. */
function constants(): Constant[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(packageRoot, folder))
      .filter((file) => file.endsWith('.ts') && !ELSEWHERE.includes(file))
      .flatMap((file) => {
        const text = readFileSync(join(packageRoot, folder, file), 'utf8');
        const found = text.matchAll(/\bconst ([A-Z][A-Z0-9_]*) = (0x[0-9a-fA-F_]+|[0-9_]+)n?;/g);
        return [...found].flatMap(([, name = '', digits = '']): Constant[] => {
          if (OURS.has(name) || name.endsWith('_MS')) return [];
          const meaning = MEANINGS[`${file} ${name}`] ?? MEANINGS[name] ?? name;
          return [{ meaning, value: Number(digits.replaceAll('_', '')) }];
        });
      }),
  );
}

const asserts = (list: readonly Constant[]): string =>
  expressionAsserts(
    list.map(({ meaning, value }) => [meaning, value] as const),
    HEADERS,
  );

function itCompiling(title: string, run: () => void): void {
  itNeeding(mingw, title, () => Promise.resolve(run()));
}

describe("the agent's numbers of Windows", function () {
  this.timeout(60_000);

  itCompiling('are those of the headers, every one that has a name', () => {
    const all = constants();
    expect(all.length).to.be.greaterThan(70);
    expect(compile(asserts(all)) ?? '').to.equal('');
  });

  itCompiling('are refused one by one where they are off by one, or unknown', () => {
    const wrong = constants().map(({ meaning, value }) => ({ meaning, value: (value ^ 1) >>> 0 }));
    const complaints = compile(asserts(wrong)) ?? '';
    expect(complaints.match(/static assertion failed/g)).to.have.length(wrong.length);
    expect(compile(asserts([{ meaning: 'SERVICE_WIN33', value: 1 }]))).to.match(/undeclared/);
  });

  itCompiling('stand where the structures have them', () => {
    const { action, failureActions } = failureActionTypes(koffi);
    const places = [
      ['SC_ACTION', action, ['Type', 'Delay']],
      [
        'SERVICE_FAILURE_ACTIONSW',
        failureActions,
        ['dwResetPeriod', 'lpRebootMsg', 'lpCommand', 'cActions', 'lpsaActions'],
      ],
    ] as const;
    const expected = places.flatMap(([struct, type, names]): [string, number][] => [
      [`sizeof(${struct})`, type.size],
      ...Object.values(type.members ?? {}).map(({ offset }, at): [string, number] => [
        `offsetof(${struct}, ${names[at]})`,
        offset,
      ]),
    ]);
    expect(expected).to.have.length(9);
    // Each number is another one, and says so where the header has it.
    const status = encodeStatus({
      state: 'running',
      accepted: accepted('running'),
      exitCode: 11,
      specificExitCode: 12,
      checkpoint: 13,
      waitHintMs: 14,
    });
    const word = (value: number): number => status.indexOf(Buffer.from(Uint32Array.of(value).buffer));
    expected.push(
      ['sizeof(SERVICE_STATUS)', status.length],
      ['offsetof(SERVICE_STATUS, dwServiceType)', word(0x10)],
      ['offsetof(SERVICE_STATUS, dwCurrentState)', word(4)],
      ['offsetof(SERVICE_STATUS, dwControlsAccepted)', word(accepted('running'))],
      ['offsetof(SERVICE_STATUS, dwWin32ExitCode)', word(11)],
      ['offsetof(SERVICE_STATUS, dwServiceSpecificExitCode)', word(12)],
      ['offsetof(SERVICE_STATUS, dwCheckPoint)', word(13)],
      ['offsetof(SERVICE_STATUS, dwWaitHint)', word(14)],
      ['SERVICE_RUNNING', 4],
      [
        'SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN | SERVICE_ACCEPT_PRESHUTDOWN | SERVICE_ACCEPT_POWEREVENT',
        accepted('running'),
      ],
      ...Object.entries(CONTROL).map(([name, value]): [string, number] => [`SERVICE_CONTROL_${name}`, value]),
      // The table of a program's only service: name, function, and a row of zeros.
      ['2 * sizeof(SERVICE_TABLE_ENTRYW)', 4 * 8],
      ['offsetof(SERVICE_TABLE_ENTRYW, lpServiceProc)', 8],
      ['sizeof(SERVICE_STATUS)', 28],
    );
    expect(compile(expressionAsserts(expected, HEADERS))).to.equal(undefined);
  });
});
