import { basename, join, resolve } from 'node:path/posix';
import { COMMAND_SETTINGS, serviceNames, type Service } from './service.js';
import type { SystemFiles } from './system-files.js';
import { parseCommand, parseUnit, type UnitSettings } from './unit-text.js';

/** Folders of systemd's units, the first one that has a file wins. */
const FOLDERS = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];
const SUFFIX = '.service';

/** What the folders hold: found once, as folders that are listed for each unit would be listed thousands of times. */
interface UnitFolders {
  /** Folder of each unit's file by its name. */
  readonly places: ReadonlyMap<string, string>;
  /** Folders of drop-ins, the most important last, by the unit's name. */
  readonly dropIns: ReadonlyMap<string, readonly string[]>;
  /** Units that another one wants, by links in `*.wants` and `*.requires` that an administrator made. */
  readonly enabled: ReadonlySet<string>;
}

/**
 * Services that unit files and drop-ins define, whether systemd runs or not. Instances of templates are among them where
 * something starts them.
 * @param problem told of files that cannot be read
 */
export function* readUnitFiles(
  files: SystemFiles,
  problem: (subject: string, detail: string) => void,
): Generator<Service> {
  const folders = lookAround(files);
  // A link is one more name of the unit that it points to.
  const units = new Map<string, { readonly source: UnitSource; readonly names: Set<string> }>();
  for (const name of new Set([...folders.places.keys(), ...folders.enabled])) {
    const source = sourceOf(files, folders, name);
    const unit = units.get(source.name) ?? { source, names: new Set([source.name]) };
    units.set(source.name, unit);
    unit.names.add(name);
  }
  for (const [name, { source, names }] of units) {
    try {
      yield readUnit(files, folders, source, [...names]);
    } catch (error) {
      problem(`service ${name}`, (error as Error).message);
    }
  }
}

/** Where a unit is written. */
interface UnitSource {
  readonly name: string;
  /** Undefined: only drop-ins are there, or a link to a unit that is gone. */
  readonly path: string | undefined;
}

const MASK = '/dev/null';

function sourceOf(files: SystemFiles, folders: UnitFolders, name: string): UnitSource {
  const file = folders.places.has(name) ? name : templateOf(name);
  const folder = folders.places.get(file);
  if (folder === undefined) return { name, path: undefined };
  const target = files.link(join(folder, file));
  if (target === undefined || file !== name) return { name, path: join(folder, file) };
  const pointed = resolve(folder, target);
  const alias = basename(pointed);
  const place = folders.places.get(alias);
  // A file elsewhere that was linked into the folder has the name of its link.
  return alias === name || place === undefined
    ? { name, path: pointed }
    : { name: alias, path: join(place, alias) };
}

function readUnit(
  files: SystemFiles,
  folders: UnitFolders,
  { name, path }: UnitSource,
  names: readonly string[],
): Service {
  if (path === MASK) return { ...NOTHING, names: serviceNames(names), mode: 'masked' };
  const dropIns = [...new Set([templateOf(name), ...names])].flatMap(
    (unit) => folders.dropIns.get(unit) ?? [],
  );
  const texts = [path && files.read(path), ...dropIns.flatMap((folder) => confFiles(files, folder))];
  const settings = parseUnit(texts.filter((text) => text !== undefined));
  return { ...fromSettings(settings), names: serviceNames(names), mode: modeOf(folders, names, settings) };
}

const NOTHING: Service = {
  names: [],
  title: undefined,
  description: undefined,
  commands: [],
  mode: undefined,
  type: undefined,
  user: undefined,
  status: [],
  pid: undefined,
};

function fromSettings(settings: UnitSettings): Service {
  const last = (name: string): string | undefined => settings.get(name)?.at(-1);
  const title = last('Unit.Description');
  return {
    ...NOTHING,
    title,
    description: title,
    commands: COMMAND_SETTINGS.flatMap((setting) => settings.get(`Service.${setting}`) ?? []).flatMap(
      (line) => parseCommand(line) ?? [],
    ),
    type: last('Service.Type') ?? 'simple',
    user: last('Service.User') ?? 'root',
  };
}

function modeOf(folders: UnitFolders, names: readonly string[], settings: UnitSettings): string {
  if (names.some((name) => folders.enabled.has(name))) return 'enabled';
  const installable = [...settings.keys()].some((name) => name.startsWith('Install.'));
  return installable ? 'disabled' : 'static';
}

/** `getty@tty1.service` comes from `getty@.service`. */
function templateOf(name: string): string {
  return name.replace(/@.*\.service$/, `@${SUFFIX}`);
}

function confFiles(files: SystemFiles, folder: string): (string | undefined)[] {
  return files
    .list(folder)
    .filter((name) => name.endsWith('.conf'))
    .map((name) => files.read(join(folder, name)));
}

function lookAround(files: SystemFiles): UnitFolders {
  const places = new Map<string, string>();
  const dropIns = new Map<string, string[]>();
  const enabled = new Set<string>();
  // Where /lib is a link to usr/lib, the last folder is the one before it once more.
  const folders = files.link('/lib') === undefined ? FOLDERS : FOLDERS.slice(0, -1);
  for (const folder of folders) {
    for (const name of files.list(folder)) {
      if (name.endsWith(SUFFIX) && !places.has(name)) places.set(name, folder);
      if (name.endsWith(`${SUFFIX}.d`)) {
        const unit = name.slice(0, -2);
        dropIns.set(unit, [join(folder, name), ...(dropIns.get(unit) ?? [])]);
      }
      // Links that come with the system mean `static`; systemd calls only the others enabled.
      if (/\.(wants|requires)$/.test(name) && !/^(\/usr)?\/lib\//.test(folder)) {
        for (const unit of files.list(join(folder, name))) if (unit.endsWith(SUFFIX)) enabled.add(unit);
      }
    }
  }
  return { places, dropIns, enabled };
}
