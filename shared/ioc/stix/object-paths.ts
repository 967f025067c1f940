import { splitHive } from '../registry-hives.js';
import type { Comparison, Question } from './comparison.js';

/** One term that a question is put to. */
export interface Aim {
  readonly term: string;
  readonly question: Question;
}

/**
 * Where a property of a STIX object is found on a device. `any`: in one of several places. `all`: parts of it in each of
 * several properties of one item.
 */
export interface Aims {
  readonly how: 'any' | 'all';
  readonly aims: readonly Aim[];
}

/** Gives the terms for one question. */
export type Finder = (question: Question) => Aims;

const at =
  (...terms: readonly string[]): Finder =>
  (question) => ({ how: 'any', aims: terms.map((term) => ({ term, question })) });

const PE = 'FileItem/PEInfo';
const remoteAddress = at('PortItem/remoteIP');
const processName = at('ProcessItem/name');
const serviceTerms = (prefix: string): readonly (readonly [string, Finder])[] => [
  [`${prefix}.service_name`, at('ServiceItem/name')],
  [`${prefix}.display_name`, at('ServiceItem/descriptiveName')],
];

/** Properties by path in lower case, without quotes and with `[*]` for every index. */
const PATHS: ReadonlyMap<string, Finder> = new Map([
  ['file:hashes.md5', at('FileItem/Md5sum')],
  ['file:hashes.sha-1', at('FileItem/Sha1sum')],
  ['file:hashes.sha1', at('FileItem/Sha1sum')],
  ['file:hashes.sha-256', at('FileItem/Sha256sum')],
  ['file:hashes.sha256', at('FileItem/Sha256sum')],
  ['file:name', at('FileItem/FileName')],
  ['file:size', at('FileItem/SizeInBytes')],
  ['file:ctime', at('FileItem/Created')],
  ['file:mtime', at('FileItem/Modified')],
  ['file:atime', at('FileItem/Accessed')],
  ['file:parent_directory_ref.path', folder],
  ['file:extensions.windows-pebinary-ext.number_of_sections', at(`${PE}/Sections/NumberOfSections`)],
  ['file:extensions.windows-pebinary-ext.time_date_stamp', at(`${PE}/PETimeStamp`)],
  ['file:extensions.windows-pebinary-ext.sections[*].name', at(`${PE}/Sections/Section/Name`)],
  ['directory:path', folder],
  ['ipv4-addr:value', at('PortItem/remoteIP', 'DnsEntryItem/RecordData/IPv4Address')],
  ['ipv6-addr:value', at('PortItem/remoteIP', 'DnsEntryItem/RecordData/IPv6Address')],
  ['mac-addr:value', at('ArpEntryItem/PhysicalAddress')],
  ['domain-name:value', at('DnsEntryItem/RecordName', 'DnsEntryItem/Host', 'Network/DNS')],
  ['url:value', at('Network/URI')],
  ['network-traffic:dst_ref.value', remoteAddress],
  ['network-traffic:src_ref.value', at('PortItem/localIP')],
  ['network-traffic:dst_port', at('PortItem/remotePort')],
  ['network-traffic:src_port', at('PortItem/localPort')],
  ['network-traffic:protocols[*]', at('PortItem/protocol')],
  ['process:name', processName],
  ['process:image_ref.name', processName],
  ['process:binary_ref.name', processName],
  ['process:command_line', at('ProcessItem/arguments')],
  ['process:pid', at('ProcessItem/pid')],
  ['process:parent_ref.pid', at('ProcessItem/parentpid')],
  ['process:created_time', at('ProcessItem/startTime')],
  ['process:created', at('ProcessItem/startTime')],
  ...serviceTerms('process:extensions.windows-service-ext'),
  ['windows-registry-key:key', registryKey],
  ['windows-registry-key:values[*].name', at('RegistryItem/ValueName')],
  ['windows-registry-key:values[*].data', at('RegistryItem/Text')],
  ['windows-registry-key:values[*].data_type', at('RegistryItem/Type')],
  ['windows-registry-key:modified_time', at('RegistryItem/Modified')],
  ['windows-registry-key:modified', at('RegistryItem/Modified')],
  ['user-account:user_id', userId],
  ['user-account:account_login', at('UserItem/Username')],
  ['user-account:display_name', at('UserItem/fullname')],
  ['user-account:is_disabled', at('UserItem/disabled')],
]);

/** Where an object's property is found; undefined: no device can look at it. */
export function findPath({ parts }: Comparison): Finder | undefined {
  const [type = '', ...properties] = parts;
  return PATHS.get(`${type}:${properties.join('.').replaceAll(/\.?\[(\*|\d+)\]/g, '[*]')}`);
}

/** Systems show a folder without the separator at its end, but for a root. */
function folder(question: Question): Aims {
  const { condition, content } = question;
  const bare = condition === 'is' && content.length > 3 ? content.replace(/[\\/]$/, '') : content;
  return { how: 'any', aims: [{ term: 'FileItem/FilePath', question: { ...question, content: bare } }] };
}

/**
 * A key with its hive, which may be written short. A regular expression may be about the hive, the key, or both: it is tried
 * on the whole path, which has the value's name too, and on the key without its hive.
 */
function registryKey(question: Question): Aims {
  const { condition, content, expression } = question;
  if (expression) return at('RegistryItem/Path', 'RegistryItem/KeyPath')(question);
  if (condition === 'matches') return likeKey(question);
  const { hive, key } = splitHive(content);
  const aims = [{ term: 'RegistryItem/KeyPath', question: { ...question, content: key } }];
  if (hive === undefined) return { how: 'all', aims };
  const ofHive = { term: 'RegistryItem/Hive', question: { ...question, content: hive } };
  return { how: 'all', aims: key === '' ? [ofHive] : [ofHive, ...aims] };
}

/** LIKE as an expression: a hive at its beginning is plain text followed by an escaped backslash. */
function likeKey(question: Question): Aims {
  const parts = /^\^\(\?s:([A-Za-z_.]+)\\\\(.*)$/s.exec(question.content);
  // `_` stands for one character in LIKE, and for itself in the names of hives.
  const { hive } = splitHive((parts?.[1] ?? '').replaceAll('.', '_'));
  const content = hive === undefined ? question.content : `^(?s:${parts?.[2] ?? ''}`;
  const aims = [{ term: 'RegistryItem/KeyPath', question: { ...question, content } }];
  if (hive === undefined) return { how: 'all', aims };
  const is = { condition: 'is', content: hive, expression: false } as const;
  return { how: 'all', aims: [{ term: 'RegistryItem/Hive', question: is }, ...aims] };
}

/** A security identifier on Windows, a number elsewhere. */
function userId(question: Question): Aims {
  const isNumber = /^\d+$/.test(question.content) && question.condition !== 'matches';
  return at(isNumber ? 'UserItem/userid' : 'UserItem/SecurityID')(question);
}
