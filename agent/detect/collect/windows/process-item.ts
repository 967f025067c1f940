import { setImmediate } from 'node:timers/promises';
import { listSockets } from '../../../enforce/iphlp/connections.js';
import type { CollectRequest, Collector, Value } from '../../item.js';
import { collector, type Asks } from '../collector.js';
import { itemOf, type Known } from '../item-of.js';
import { Accounts } from './accounts.js';
import { notHere, orNotHere, reasonOf } from './not-here.js';
import { socketProperties } from './port-item.js';
import { processCalls, type ListedProcess, type OpenProcess, type ProcessCalls } from './process-calls.js';

/** Processes that are looked at before other work gets its turn: some milliseconds. */
const SLICE = 20;
const SECTIONS = 'SectionList/MemorySection/Name';
const PORTS = 'PortList/PortItem';
const PORT_PROPERTIES = ['state', 'localIP', 'remoteIP', 'localPort', 'remotePort', 'protocol'];
/** Windows' own: the idle process and the kernel have no program, no command line and no libraries. */
const KERNEL = [0, 4];

/**
 * Processes. Windows tells an administrator most of them; what it refuses about one is reported.
 * @param open calls about processes; default: those of this computer
 */
export function processCollector(open: () => Promise<ProcessCalls> = processCalls): Collector {
  return collector({
    type: 'ProcessItem',
    properties: [
      'pid',
      'parentpid',
      'name',
      'path',
      'arguments',
      'Username',
      'SecurityID',
      'startTime',
      'kernelTime',
      'userTime',
      SECTIONS,
      ...PORT_PROPERTIES.map((property) => `${PORTS}/${property}`),
    ],
    most: 100_000,
    list: async function* (request, asks) {
      const calls = await orNotHere(open());
      const ports = asks(PORTS) ? await portsByProcess(request) : undefined;
      const accounts = new Accounts();
      const look: Look = { request, asks, accounts, commandLines: new CommandLines(request) };
      let looked = 0;
      for (const process of calls.list()) {
        if (++looked % SLICE === 0) await setImmediate();
        yield itemOf('ProcessItem', {
          ...(await describe(calls, process, look)),
          ...ports?.get(process.pid),
        });
      }
    },
  });
}

interface Look {
  readonly request: CollectRequest;
  readonly asks: Asks;
  readonly accounts: Accounts;
  readonly commandLines: CommandLines;
}

/** Command lines, which some systems do not tell at all: that is said once. */
class CommandLines {
  private told = false;

  constructor(private readonly request: CollectRequest) {}

  of(process: OpenProcess): string | undefined {
    const line = process.commandLine();
    if (line === undefined && !this.told) {
      this.told = true;
      const why = 'this Windows does not tell command lines';
      this.request.problem('ProcessItem/arguments', notHere(why).message);
    }
    return line;
  }
}

async function describe(
  calls: ProcessCalls,
  { pid, parent, name }: ListedProcess,
  { request, asks, accounts, commandLines }: Look,
): Promise<Record<string, Known>> {
  const subject = `process ${pid} (${name})`;
  const told = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      request.problem(subject, reasonOf(error));
      return undefined;
    }
  };
  const wantsSid = asks('Username') || asks('SecurityID');
  const wantsTimes = asks('startTime') || asks('kernelTime') || asks('userTime');
  const wantsOpen = wantsSid || wantsTimes || asks('path') || asks('arguments');
  const process: OpenProcess | undefined =
    KERNEL.includes(pid) || !wantsOpen ? undefined : told(() => calls.open(pid));
  try {
    const times = process && told(() => process.times());
    const sid = wantsSid ? process && told(() => process.user()) : undefined;
    return {
      pid,
      parentpid: parent,
      name,
      path: process && asks('path') ? told(() => process.path()) : undefined,
      arguments: process && asks('arguments') ? told(() => commandLines.of(process)) : undefined,
      startTime: times?.started,
      kernelTime: times?.kernel,
      userTime: times?.user,
      SecurityID: sid,
      Username: sid === undefined ? undefined : await accounts.namesOf(sid),
      [SECTIONS]: asks(SECTIONS) && !KERNEL.includes(pid) ? told(() => calls.modules(pid)) : undefined,
    };
  } finally {
    process?.close();
  }
}

/** Ports of each process; a process that has several has several values of each property. */
async function portsByProcess(
  request: CollectRequest,
): Promise<ReadonlyMap<number, Record<string, Value[]>>> {
  const found = new Map<number, Record<string, Value[]>>();
  try {
    for (const socket of await listSockets()) {
      const ports = found.get(socket.processId) ?? {};
      found.set(socket.processId, ports);
      const properties = socketProperties(socket);
      for (const property of PORT_PROPERTIES) {
        const value = properties[property] as Value | undefined;
        if (value !== undefined) (ports[`${PORTS}/${property}`] ??= []).push(value);
      }
    }
  } catch (error) {
    request.problem('ports of processes', reasonOf(error));
  }
  return found;
}
