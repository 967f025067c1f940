import { ITEM_TYPES, type ItemType } from './model.js';

/**
 * How the values of a term are compared, and in what form collectors give them.
 * - `text`: text as the system shows it. Paths are absolute and in the system's own form.
 * - `integer`: a whole number.
 * - `date`: milliseconds since 1970 UTC.
 * - `duration`: seconds.
 * - `address`: text of one IPv4 or IPv6 address.
 * - `mac`: text of a link-layer address, lower case, bytes parted by colons (`00:1b:44:11:3a:b7`).
 * - `md5`, `sha1`, `sha256`: hex digits, lower case.
 * - `boolean`: true or false.
 */
export type ValueKind =
  'text' | 'integer' | 'date' | 'duration' | 'address' | 'mac' | 'md5' | 'sha1' | 'sha256' | 'boolean';

/** A term that devices can look at. */
export interface TermEntry {
  /** Canonical spelling, for example `FileItem/Md5sum`. */
  readonly term: string;
  readonly itemType: ItemType;
  readonly kind: ValueKind;
}

/**
 * Spellings of the published list of terms (github.com/fireeye/OpenIOC_1.1, current.iocterms), without the item's name. Its
 * types are kept, but for those that it calls text and that are numbers or times on every platform: TimeToLive,
 * EventLogItem/categoryNum, kernelTime, userTime and uptime.
 */
const CATALOGUE: Readonly<Record<ItemType, Readonly<Partial<Record<ValueKind, string>>>>> = {
  FileItem: {
    // FilePath is the folder, FullPath has the name too. FileExtension comes without its dot, Drive as a letter.
    text: `FullPath FilePath FileName FileExtension Drive FileAttributes Username Group GroupID SecurityID
      PEInfo/Type PEInfo/Subsystem PEInfo/Exports/DllName PEInfo/Exports/ExportedFunctions/string
      PEInfo/ImportedModules/Module/Name PEInfo/ImportedModules/Module/ImportedFunctions/string
      PEInfo/Sections/Section/Name
      PEInfo/VersionInfoList/VersionInfoItem/Comments PEInfo/VersionInfoList/VersionInfoItem/CompanyName
      PEInfo/VersionInfoList/VersionInfoItem/FileDescription PEInfo/VersionInfoList/VersionInfoItem/FileVersion
      PEInfo/VersionInfoList/VersionInfoItem/InternalName PEInfo/VersionInfoList/VersionInfoItem/Language
      PEInfo/VersionInfoList/VersionInfoItem/LegalCopyright PEInfo/VersionInfoList/VersionInfoItem/LegalTrademarks
      PEInfo/VersionInfoList/VersionInfoItem/OriginalFilename PEInfo/VersionInfoList/VersionInfoItem/PrivateBuild
      PEInfo/VersionInfoList/VersionInfoItem/ProductName PEInfo/VersionInfoList/VersionInfoItem/ProductVersion
      PEInfo/VersionInfoList/VersionInfoItem/SpecialBuild`,
    // Permissions: the octal digits read as a decimal number, 755 for rwxr-xr-x.
    integer: `SizeInBytes INode Permissions PEInfo/BaseAddress PEInfo/Exports/NumberOfFunctions
      PEInfo/Exports/NumberOfNames PEInfo/ImportedModules/Module/NumberOfFunctions
      PEInfo/Sections/NumberOfSections`,
    date: 'Created Modified Accessed Changed PEInfo/PETimeStamp PEInfo/Exports/ExportsTimeStamp',
    md5: 'Md5sum',
    sha1: 'Sha1sum',
    sha256: 'Sha256sum',
    boolean: 'PEInfo/DigitalSignature/SignatureExists',
  },
  ProcessItem: {
    text: `name path arguments Username SecurityID SectionList/MemorySection/Name PortList/PortItem/protocol
      PortList/PortItem/state`,
    integer: 'pid parentpid PortList/PortItem/localPort PortList/PortItem/remotePort',
    date: 'startTime',
    duration: 'kernelTime userTime',
    address: 'PortList/PortItem/localIP PortList/PortItem/remoteIP',
  },
  PortItem: {
    text: 'process path state protocol',
    integer: 'pid localPort remotePort',
    address: 'localIP remoteIP',
    boolean: 'isIPv6',
    date: 'CreationTime',
  },
  Network: { text: 'URI DNS' },
  DnsEntryItem: {
    text: 'Host RecordName RecordType Flags RecordData/Host',
    integer: 'TimeToLive DataLength',
    address: 'RecordData/IPv4Address RecordData/IPv6Address',
  },
  ArpEntryItem: {
    text: 'Interface CacheType InterfaceType State',
    mac: 'PhysicalAddress',
    address: 'IPv4Address IPv6Address',
    boolean: 'IsRouter',
  },
  RegistryItem: {
    // Path is hive, key and value name; KeyPath is the key without its hive.
    text: 'Path Hive KeyPath ValueName Value Text Type Username',
    integer: 'NumSubKeys NumValues',
    date: 'Modified',
  },
  ServiceItem: {
    text: 'name descriptiveName description mode status path arguments serviceDLL startedAs type',
    integer: 'pid',
    md5: 'pathmd5sum serviceDLLmd5sum',
    sha1: 'pathsha1sum serviceDLLsha1sum',
    sha256: 'pathsha256sum serviceDLLsha256sum',
  },
  UserItem: {
    text: `Username fullname description grouplist/groupname SecurityID SecurityType homedirectory scriptpath
      shell`,
    integer: 'userid',
    date: 'LastLogin',
    boolean: 'disabled lockedout passwordrequired',
  },
  VolumeItem: {
    text: 'VolumeName DriveLetter Name Type FileSystemName MountPoint DevicePath',
    integer: `SerialNumber TotalAllocationUnits ActualAvailableAllocationUnits SectorsPerAllocationUnit
      BytesPerSector`,
    date: 'CreationTime',
    boolean: 'IsMounted',
  },
  SystemInfoItem: {
    text: `hostname domain machine OS OSbitness platform productName patchLevel buildNumber kernelVersion
      processor procType timezone timezoneStandard user loggedOnUser biosInfo/biosVersion biosInfo/biosDate
      directory regOwner regOrg productID networkArray/networkInfo/adapter
      networkArray/networkInfo/description networkArray/networkInfo/ipArray/ipInfo/subnetMask
      containmentState`,
    integer: 'totalphysical availphysical',
    date: 'date installDate',
    duration: 'uptime',
    mac: 'MAC networkArray/networkInfo/MAC',
    address: `primaryIpAddress primaryIpv4Address primaryIpv6Address
      networkArray/networkInfo/ipArray/ipInfo/ipAddress networkArray/networkInfo/ipArray/ipInfo/ipv6Address
      networkArray/networkInfo/ipGatewayArray/ipGateway
      networkArray/networkInfo/dhcpServerArray/dhcpServer`,
  },
  EventLogItem: {
    text: 'log type category source machine user message',
    integer: 'EID index categoryNum ExecutionProcessId ExecutionThreadId',
    date: 'genTime writeTime',
  },
};

/** Every term that a device can look at, by item type. */
export const TERMS: readonly TermEntry[] = ITEM_TYPES.flatMap((itemType) =>
  Object.entries(CATALOGUE[itemType]).flatMap(([kind, names]) =>
    names
      .split(/\s+/)
      .map((name): TermEntry => ({ term: `${itemType}/${name}`, itemType, kind: kind as ValueKind })),
  ),
);

const BY_SPELLING: ReadonlyMap<string, TermEntry> = new Map(
  TERMS.map((entry) => [entry.term.toLowerCase(), entry]),
);

const TYPES_BY_SPELLING: ReadonlyMap<string, ItemType> = new Map(
  ITEM_TYPES.map((itemType) => [itemType.toLowerCase(), itemType]),
);

/** The catalogue's entry for a term in any case; undefined: no device can look at it. */
export function lookUpTerm(spelling: string): TermEntry | undefined {
  return BY_SPELLING.get(spelling.toLowerCase());
}

/** Kind of item that a term belongs to by its first part, whether the term is in the catalogue or not. */
export function itemTypeOf(spelling: string): ItemType | undefined {
  return TYPES_BY_SPELLING.get((spelling.split('/', 1)[0] ?? '').toLowerCase());
}
