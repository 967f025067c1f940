import type { Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import {
  IsolateDevicesRequest,
  IsolateDevicesResponse,
  IsolationServiceService,
  ReleaseDevicesRequest,
  type DeviceOrder,
} from '../../shared/gen/cordon/v1/isolation_service.js';
import type { DeviceFilter } from '../../shared/gen/cordon/v1/device.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { toDuration } from '../../shared/time.js';
import { addReason, addWait, parseReleaseDelay, type WaitFlags } from '../arguments.js';
import type { Api } from '../client.js';
import { addConfirm, confirm, type ConfirmFlags } from '../confirm.js';
import { CliError, ExitCode } from '../exit.js';
import { addFilter, filterOf, type FilterFlags } from '../filter.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { carryOut } from '../wait/carry-out.js';
import type { Goal } from '../wait/progress.js';

interface OrderFlags extends WaitFlags, FilterFlags, ConfirmFlags {
  readonly reason: string;
  /** Milliseconds. */
  readonly for?: number;
}

/** Which devices an order is for. */
type Target =
  | { readonly kind: 'named'; readonly devices: readonly string[] }
  | { readonly kind: 'filter'; readonly filter: DeviceFilter };

/** What goes into the request of either goal. */
interface OrderRequest {
  readonly devices: string[];
  readonly filter: DeviceFilter | undefined;
  readonly expectedDevices: number;
  readonly validateOnly: boolean;
  readonly reason: string;
  readonly requestId: string;
}

const EXAMPLES = (goal: Goal): string => `
Devices are given by name, or by flags such as --group and --tag, which must all hold. With flags the number of devices
is shown first and has to be confirmed: on a terminal, or with --yes where more than one device is meant.

Examples:
  cordon ${goal} laptop-17 desk-3 --reason "case 4711" --wait
  cordon ${goal} --group "OT/line 1" --tag critical --reason "case 4711" --dry-run`;

/** `cordon isolate` and `cordon release`. */
export function addIsolateCommands(program: Command, state: RunState): void {
  const add = (goal: Goal, description: string, until: string, more: (command: Command) => Command): void => {
    const command = program
      .command(goal)
      .description(description)
      .argument('[device...]', 'names or ids, where no flags say which');
    addConfirm(addFilter(addWait(more(addReason(command)), until)))
      .addHelpText('after', EXAMPLES(goal))
      .action((devices: string[], flags: OrderFlags, typed: Command) =>
        withSession(state, typed, (session) => order(session, goal, targetOf(devices, flags), flags)),
      );
  };
  add(
    'isolate',
    'isolate devices from the network',
    'every device reports that it is isolated; a simulated one counts as failed',
    (command) =>
      command.option(
        '--for <duration>',
        'release by itself after this time; 0 = never (default: as the device is set, 8h)',
        parseReleaseDelay,
      ),
  );
  add(
    'release',
    'end whichever isolation is active',
    'every device reports that it is released',
    (command) => command,
  );
}

function targetOf(devices: readonly string[], flags: FilterFlags): Target {
  const filter = filterOf(flags);
  if (filter && devices.length > 0) {
    throw new CliError(
      ExitCode.USAGE,
      'names of devices and flags such as --group exclude each other',
      'give the one or the other',
    );
  }
  if (filter) return { kind: 'filter', filter };
  if (devices.length > 0) return { kind: 'named', devices };
  throw new CliError(
    ExitCode.USAGE,
    "missing required argument 'device': which devices are meant?",
    'give names, or a flag such as --group; "--group root" is all, run "cordon isolate --help" for more',
  );
}

async function order(session: Session, goal: Goal, target: Target, flags: OrderFlags): Promise<void> {
  const { api } = session;
  const send = (part: Partial<OrderRequest>): Promise<DeviceOrder[]> =>
    sendOrder(api, goal, flags, {
      devices: target.kind === 'named' ? [...target.devices] : [],
      filter: target.kind === 'filter' ? target.filter : undefined,
      expectedDevices: 0,
      validateOnly: false,
      reason: flags.reason,
      requestId: newId(),
      ...part,
    });
  if (flags.dryRun) return printPreview(session, goal, await send({ validateOnly: true }));
  // Made once: a repeat of the same order has the same request_id.
  const requestId = newId();
  let expectedDevices = 0;
  if (target.kind === 'filter') {
    const meant = await send({ validateOnly: true });
    expectedDevices = meant.length;
    await confirmMany(session, goal, meant, flags);
  }
  const now = (): Promise<DeviceOrder[]> => send({ requestId, expectedDevices });
  await carryOut(session, goal, now, target.kind === 'named' ? target.devices : undefined, flags);
}

async function sendOrder(
  api: Api,
  goal: Goal,
  flags: OrderFlags,
  request: OrderRequest,
): Promise<DeviceOrder[]> {
  switch (goal) {
    case 'isolate': {
      const releaseDelay = flags.for === undefined ? undefined : toDuration(flags.for);
      const isolate = IsolateDevicesRequest.fromPartial({ ...request, releaseDelay });
      return (await api.unary(IsolationServiceService.isolateDevices, isolate)).orders;
    }
    case 'release': {
      const release = ReleaseDevicesRequest.fromPartial(request);
      return (await api.unary(IsolationServiceService.releaseDevices, release)).orders;
    }
  }
}

/** Names that are shown before somebody says yes. */
const FIRST_NAMES = 10;

function countText(goal: Goal, meant: readonly DeviceOrder[]): string {
  const names = meant.slice(0, FIRST_NAMES).map(({ deviceName, deviceId }) => deviceName || deviceId);
  const more = meant.length > FIRST_NAMES ? ` and ${meant.length - FIRST_NAMES} more` : '';
  const devices = meant.length === 1 ? '1 device' : `${meant.length} devices`;
  return printable(`${goal} ${devices}: ${names.join(', ')}${more}`);
}

/** One device needs no second word where nobody can be asked: it is what was asked for. */
async function confirmMany(
  { io }: Session,
  goal: Goal,
  meant: readonly DeviceOrder[],
  flags: OrderFlags,
): Promise<void> {
  io.stderr.write(`${countText(goal, meant)}\n`);
  if (!io.terminal && meant.length <= 1) return;
  await confirm(io, 'Go ahead?', flags);
}

function printPreview({ printer }: Session, goal: Goal, meant: DeviceOrder[]): void {
  printer.print(
    () => ({ kind: 'text', text: `nothing is changed; would ${countText(goal, meant)}\n` }),
    () => toProtoJson('IsolateDevicesResponse', IsolateDevicesResponse, { orders: meant }),
  );
}
