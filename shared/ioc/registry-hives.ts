/** Short names of the registry's hives, as people and tools write them. */
const FULL_NAMES: ReadonlyMap<string, string> = new Map([
  ['HKLM', 'HKEY_LOCAL_MACHINE'],
  ['HKCU', 'HKEY_CURRENT_USER'],
  ['HKCR', 'HKEY_CLASSES_ROOT'],
  ['HKU', 'HKEY_USERS'],
  ['HKCC', 'HKEY_CURRENT_CONFIG'],
]);
const HIVES: ReadonlySet<string> = new Set(FULL_NAMES.values());

/** A key's hive by its full name, and the rest of the path. */
export interface HiveAndKey {
  /** Undefined: the path does not begin with a hive. */
  readonly hive: string | undefined;
  readonly key: string;
}

/** Parts a registry path at its hive, which may be written short (`HKLM\Software`, `HKLM:\Software`). */
export function splitHive(path: string): HiveAndKey {
  const end = path.indexOf('\\');
  const first = (end < 0 ? path : path.slice(0, end)).toUpperCase().replace(/:$/, '');
  const hive = FULL_NAMES.get(first) ?? (HIVES.has(first) ? first : undefined);
  return { hive, key: hive === undefined ? path : end < 0 ? '' : path.slice(end + 1) };
}

/** The same path with its hive's full name. */
export function withFullHive(path: string): string {
  const { hive, key } = splitHive(path);
  if (hive === undefined) return path;
  return path.includes('\\') ? `${hive}\\${key}` : hive;
}
