import type { Collector, CollectRequest, Item } from '../../item.js';
import { collector, type Asks } from '../collector.js';
import { itemOf } from '../item-of.js';
import { readInitScripts } from './init-scripts.js';
import { programHashes, type ProgramHash } from '../program-hashes.js';
import type { Service } from './service.js';
import { toolText, type LinuxSystem } from './system.js';
import { parseSystemctl, SHOW_SERVICES, type LoadedService } from './systemctl.js';
import { readUnitFiles } from './unit-files.js';

const HASHES: readonly ProgramHash[] = ['md5', 'sha1', 'sha256'];

/**
 * Services: what unit files say, with what systemd says where it runs, which also has those that no file is for; and
 * scripts in /etc/init.d that no unit stands for. Paths and arguments are those of all commands of a service. Hashes of
 * their programs only when asked for.
 */
export function serviceCollector(system: LinuxSystem): Collector {
  return collector({
    type: 'ServiceItem',
    properties: [
      'name',
      'descriptiveName',
      'description',
      'path',
      'arguments',
      'mode',
      'type',
      'startedAs',
      'status',
      'pid',
      ...HASHES.map((kind) => `path${kind}sum`),
    ],
    most: 100_000,
    list: (request, asks) => listServices(system, request, asks),
  });
}

async function* listServices(system: LinuxSystem, request: CollectRequest, asks: Asks): AsyncGenerator<Item> {
  const kinds = HASHES.filter((kind) => asks(`path${kind}sum`));
  const hashes = new ProgramHashes(kinds, request);
  for await (const service of everyService(system, request)) {
    yield itemOf('ServiceItem', {
      name: service.names,
      descriptiveName: service.title,
      description: service.description,
      path: service.commands.map(({ path }) => path),
      arguments: service.commands.map((command) => command.arguments),
      mode: service.mode,
      type: service.type,
      startedAs: service.user,
      status: service.status,
      pid: service.pid,
      ...(await hashes.of(service)),
    });
  }
}

async function* everyService(system: LinuxSystem, request: CollectRequest): AsyncGenerator<Service> {
  const loaded = await loadedServices(system, request);
  const seen = new Set<string>();
  for (const service of readUnitFiles(system.files, request.problem)) {
    const own = service.names.map((name) => loaded.get(name)).find((found) => found !== undefined);
    for (const name of [...service.names, ...(own?.names ?? [])]) seen.add(name);
    yield own ? together(service, own) : service;
  }
  for (const service of new Set(loaded.values())) {
    if (!seen.has(service.id)) yield service;
    for (const name of service.names) seen.add(name);
  }
  for (const service of readInitScripts(system.files)) {
    if (!service.names.some((name) => seen.has(name))) yield service;
  }
}

/** What systemd says goes before what its files say now; commands are those of both, as a changed file is not in force yet. */
function together(file: Service, loaded: LoadedService): Service {
  const commands = [...loaded.commands, ...file.commands];
  return {
    names: [...new Set([...file.names, ...loaded.names])],
    title: loaded.title ?? file.title,
    description: loaded.description ?? file.description,
    commands: [...new Map(commands.map((command) => [JSON.stringify(command), command])).values()],
    mode: loaded.mode ?? file.mode,
    type: loaded.type ?? file.type,
    user: loaded.user ?? file.user,
    status: loaded.status,
    pid: loaded.pid,
  };
}

/** By each of their names. Empty where systemd does not run. */
async function loadedServices(
  system: LinuxSystem,
  request: CollectRequest,
): Promise<ReadonlyMap<string, LoadedService>> {
  const found = new Map<string, LoadedService>();
  if (!systemdRuns(system)) return found;
  try {
    const text = await toolText(system, 'systemctl', 'systemd', SHOW_SERVICES);
    for (const service of parseSystemctl(text)) {
      for (const name of service.names) if (name.includes('.')) found.set(name, service);
    }
  } catch (error) {
    request.problem('running services', (error as Error).message);
  }
  return found;
}

/** man sd_booted: the folder exists, be it empty. */
function systemdRuns({ files }: LinuxSystem): boolean {
  return files.list('/run/systemd').includes('system');
}

/** Hashes of programs, each made once. */
class ProgramHashes {
  private readonly known = new Map<string, ReadonlyMap<ProgramHash, string>>();

  constructor(
    private readonly kinds: readonly ProgramHash[],
    private readonly request: CollectRequest,
  ) {}

  async of({ commands }: Service): Promise<Record<string, string[]>> {
    if (this.kinds.length === 0) return {};
    const all: ReadonlyMap<ProgramHash, string>[] = [];
    for (const { path } of commands) if (path.startsWith('/')) all.push(await this.file(path));
    return Object.fromEntries(
      this.kinds.map((kind) => [`path${kind}sum`, all.flatMap((hashes) => hashes.get(kind) ?? [])]),
    );
  }

  private async file(path: string): Promise<ReadonlyMap<ProgramHash, string>> {
    let hashes = this.known.get(path);
    if (!hashes) {
      hashes = new Map();
      try {
        hashes = await programHashes(path, this.kinds, this.request.signal);
      } catch (error) {
        // A service may name a program that is not installed.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
          this.request.problem(path, (error as Error).message);
        }
      }
      this.known.set(path, hashes);
    }
    return hashes;
  }
}
