/** Terms by which people know an item, the best first. */
export const TELLING_TERMS: readonly string[] = [
  'FileItem/FullPath',
  'ProcessItem/path',
  'ProcessItem/name',
  'RegistryItem/Path',
  'ServiceItem/name',
  'PortItem/remoteIP',
  'DnsEntryItem/Host',
];
