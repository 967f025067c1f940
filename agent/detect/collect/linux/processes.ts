import { basename } from 'node:path';
import type { OwnedSocket } from '../../../enforce/ss/list.js';
import type { Collector, CollectRequest, Item, Value } from '../../item.js';
import { collector, type Asks } from '../collector.js';
import { itemOf, type Known } from '../item-of.js';
import { accountNames } from './accounts.js';
import {
  bootTime,
  commandLine,
  effectiveUser,
  mappedFiles,
  processIds,
  programPath,
  readProcess,
} from './process-files.js';
import { socketProperties } from './sockets.js';
import type { LinuxSystem } from './system.js';

const SECTIONS = 'SectionList/MemorySection/Name';
const PORTS = 'PortList/PortItem';
const PORT_PROPERTIES = ['state', 'localIP', 'remoteIP', 'localPort', 'remotePort', 'protocol'];

/**
 * Processes. The name is both that of the program's file and that which the kernel keeps: a program may change the second,
 * and of a script only the second is its own. Files in memory and ports only when asked for.
 */
export function processCollector(system: LinuxSystem): Collector {
  return collector({
    type: 'ProcessItem',
    properties: [
      'pid',
      'parentpid',
      'name',
      'path',
      'arguments',
      'Username',
      'startTime',
      'kernelTime',
      'userTime',
      SECTIONS,
      ...PORT_PROPERTIES.map((property) => `${PORTS}/${property}`),
    ],
    most: 100_000,
    list: (request, asks) => listProcesses(system, request, asks),
  });
}

async function* listProcesses(
  system: LinuxSystem,
  request: CollectRequest,
  asks: Asks,
): AsyncGenerator<Item> {
  const { files } = system;
  const booted = bootTime(files);
  const nameOf = accountNames(files);
  const ports = asks(PORTS) ? await portsByProcess(system, request) : undefined;
  for (const pid of processIds(files)) {
    const facts = readProcess(files, pid);
    // It has ended since.
    if (!facts) continue;
    const look = <T>(what: string, see: () => T): T | undefined => {
      try {
        return see();
      } catch (error) {
        request.problem(`process ${pid} (${facts.command})`, `${what}: ${(error as Error).message}`);
        return undefined;
      }
    };
    const path = look('program', () => programPath(files, pid));
    const user = look('user', () => effectiveUser(files, pid));
    yield itemOf('ProcessItem', {
      pid,
      parentpid: facts.parent,
      name: [...(path === undefined ? [] : [basename(path)]), facts.command],
      path,
      arguments: look('arguments', () => commandLine(files, pid)),
      Username: user === undefined ? undefined : nameOf(user),
      startTime: booted + facts.startedAfterBoot,
      kernelTime: facts.kernelTime,
      userTime: facts.userTime,
      [SECTIONS]: asks(SECTIONS) ? look('files in memory', () => mappedFiles(files, pid)) : undefined,
      ...ports?.get(pid),
    });
  }
}

/** Ports of each process; a process that has several has several values of each property. */
async function portsByProcess(
  system: LinuxSystem,
  request: CollectRequest,
): Promise<ReadonlyMap<number, Record<string, Known>>> {
  const found = new Map<number, Record<string, Value[]>>();
  try {
    for (const socket of await system.sockets()) addPort(found, socket);
  } catch (error) {
    request.problem('ports of processes', (error as Error).message);
  }
  return found;
}

function addPort(found: Map<number, Record<string, Value[]>>, socket: OwnedSocket): void {
  if (!socket.owner) return;
  const ports = found.get(socket.owner.pid) ?? {};
  found.set(socket.owner.pid, ports);
  const properties = socketProperties(socket);
  for (const property of PORT_PROPERTIES) {
    const value = properties[property] as Value | undefined;
    if (value !== undefined) (ports[`${PORTS}/${property}`] ??= []).push(value);
  }
}
