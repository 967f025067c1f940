import type { Field, Layout } from '../../../enforce/iphlp/layout.js';

/**
 * The structures and numbers of Windows that the collectors read, as data: offsets and sizes in bytes on 64-bit Windows. A
 * test has the C compiler compare them with the headers.
 */

const byte = (offset: number): Field => ({ offset, size: 1 });
const word = (offset: number): Field => ({ offset, size: 2 });
const dword = (offset: number): Field => ({ offset, size: 4 });
const quad = (offset: number): Field => ({ offset, size: 8 });
const bytes = (offset: number, size: number): Field => ({ offset, size });

export const PROCESSENTRY32W = {
  name: 'PROCESSENTRY32W',
  size: 568,
  fields: {
    dwSize: dword(0),
    th32ProcessID: dword(8),
    th32ParentProcessID: dword(32),
    szExeFile: bytes(44, 520),
  },
} satisfies Layout;

export const MODULEENTRY32W = {
  name: 'MODULEENTRY32W',
  size: 1080,
  fields: { dwSize: dword(0), szExePath: bytes(560, 520) },
} satisfies Layout;

/** `Buffer` follows in the memory that was given. */
export const UNICODE_STRING = {
  name: 'UNICODE_STRING',
  size: 16,
  fields: { Length: word(0), Buffer: quad(8) },
} satisfies Layout;

/** Addresses lie at the same place in SOCKADDR_IN and SOCKADDR_IN6 of their union as on their own. */
export const MIB_IPNET_ROW2 = {
  name: 'MIB_IPNET_ROW2',
  size: 88,
  fields: {
    'Address.si_family': word(0),
    'Address.Ipv4.sin_addr': bytes(4, 4),
    'Address.Ipv6.sin6_addr': bytes(8, 16),
    InterfaceIndex: dword(28),
    InterfaceLuid: quad(32),
    PhysicalAddress: bytes(40, 32),
    PhysicalAddressLength: dword(72),
    State: dword(76),
    Flags: byte(80),
    'ReachabilityTime.LastReachable': dword(84),
  },
} satisfies Layout;

export const MIB_IPNET_TABLE2 = {
  name: 'MIB_IPNET_TABLE2',
  size: 96,
  fields: { NumEntries: dword(0), Table: bytes(8, 88) },
} satisfies Layout;

export const ENUM_SERVICE_STATUS_PROCESSW = {
  name: 'ENUM_SERVICE_STATUS_PROCESSW',
  size: 56,
  fields: {
    lpServiceName: quad(0),
    lpDisplayName: quad(8),
    'ServiceStatusProcess.dwServiceType': dword(16),
    'ServiceStatusProcess.dwCurrentState': dword(20),
    'ServiceStatusProcess.dwProcessId': dword(44),
  },
} satisfies Layout;

export const QUERY_SERVICE_CONFIGW = {
  name: 'QUERY_SERVICE_CONFIGW',
  size: 64,
  fields: { dwStartType: dword(4), lpBinaryPathName: quad(16), lpServiceStartName: quad(48) },
} satisfies Layout;

export const SERVICE_DESCRIPTIONW = {
  name: 'SERVICE_DESCRIPTIONW',
  size: 8,
  fields: { lpDescription: quad(0) },
} satisfies Layout;

export const USER_INFO_3 = {
  name: 'USER_INFO_3',
  size: 184,
  fields: {
    usri3_name: quad(0),
    usri3_password_age: dword(16),
    usri3_home_dir: quad(24),
    usri3_comment: quad(32),
    usri3_flags: dword(40),
    usri3_script_path: quad(48),
    usri3_full_name: quad(64),
    usri3_last_logon: dword(96),
  },
} satisfies Layout;

/** What systems give that do not have level 3. */
export const USER_INFO_20 = {
  name: 'USER_INFO_20',
  size: 32,
  fields: {
    usri20_name: quad(0),
    usri20_full_name: quad(8),
    usri20_comment: quad(16),
    usri20_flags: dword(24),
  },
} satisfies Layout;

export const LOCALGROUP_USERS_INFO_0 = {
  name: 'LOCALGROUP_USERS_INFO_0',
  size: 8,
  fields: { lgrui0_name: quad(0) },
} satisfies Layout;

export const DNS_RECORDW = {
  name: 'DNS_RECORDW',
  size: 88,
  fields: {
    pNext: quad(0),
    pName: quad(8),
    wType: word(16),
    wDataLength: word(18),
    dwTtl: dword(24),
    'Data.A.IpAddress': dword(32),
    'Data.AAAA.Ip6Address': bytes(32, 16),
    'Data.PTR.pNameHost': quad(32),
  },
} satisfies Layout;

/** No header has it: what DnsGetCacheDataTable gives, as others have found out and it has been since Windows 2000. */
export const DNS_CACHE_ENTRY = {
  name: 'DNS_CACHE_ENTRY',
  size: 24,
  fields: { pNext: quad(0), pszName: quad(8), wType: word(16), wDataLength: word(18), dwFlags: dword(20) },
} satisfies Layout;

/** Those that a header has. */
export const LAYOUTS: readonly Layout[] = [
  PROCESSENTRY32W,
  MODULEENTRY32W,
  UNICODE_STRING,
  MIB_IPNET_ROW2,
  MIB_IPNET_TABLE2,
  ENUM_SERVICE_STATUS_PROCESSW,
  QUERY_SERVICE_CONFIGW,
  SERVICE_DESCRIPTIONW,
  USER_INFO_3,
  USER_INFO_20,
  LOCALGROUP_USERS_INFO_0,
  DNS_RECORDW,
];

/** Values that the headers define, by their names there. */
export const CONSTANTS = {
  KEY_READ: 0x20019,
  KEY_WOW64_64KEY: 0x100,
  REG_SZ: 1,
  REG_EXPAND_SZ: 2,
  REG_DWORD: 4,
  REG_DWORD_BIG_ENDIAN: 5,
  REG_LINK: 6,
  REG_MULTI_SZ: 7,
  REG_QWORD: 11,
  OWNER_SECURITY_INFORMATION: 1,
  TH32CS_SNAPPROCESS: 2,
  TH32CS_SNAPMODULE: 8,
  TH32CS_SNAPMODULE32: 0x10,
  PROCESS_QUERY_LIMITED_INFORMATION: 0x1000,
  AF_INET: 2,
  AF_INET6: 23,
  SC_MANAGER_CONNECT: 1,
  SC_MANAGER_ENUMERATE_SERVICE: 4,
  SC_ENUM_PROCESS_INFO: 0,
  SERVICE_WIN32: 0x30,
  SERVICE_DRIVER: 0xb,
  SERVICE_STATE_ALL: 3,
  SERVICE_QUERY_CONFIG: 1,
  SERVICE_CONFIG_DESCRIPTION: 1,
  FILTER_NORMAL_ACCOUNT: 2,
  LG_INCLUDE_INDIRECT: 1,
  UF_ACCOUNTDISABLE: 2,
  UF_LOCKOUT: 0x10,
  UF_PASSWD_NOTREQD: 0x20,
  DNS_TYPE_A: 1,
  DNS_TYPE_NS: 2,
  DNS_TYPE_CNAME: 5,
  DNS_TYPE_PTR: 12,
  DNS_TYPE_AAAA: 28,
  DNS_QUERY_NO_WIRE_QUERY: 0x10,
  DnsFreeFlat: 0,
  DnsFreeRecordList: 1,
  EvtQueryChannelPath: 1,
  EvtQueryReverseDirection: 0x200,
  EvtRenderEventXml: 1,
  EvtFormatMessageEvent: 1,
  DRIVE_REMOTE: 4,
  INVALID_FILE_ATTRIBUTES: 0xffff_ffff,
} as const;
