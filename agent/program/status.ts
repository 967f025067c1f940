import { systemClock } from '../../shared/clock.js';
import { escapedJson } from '../../shared/command-line/escaped-controls.js';
import { printable } from '../../shared/command-line/printable.js';
import {
  EnforcerKind,
  ObservedIsolation,
  isolationModeToJSON,
  isolationStateToJSON,
  verificationToJSON,
} from '../../shared/gen/cordon/v1/isolation.js';
import { fromTimestamp } from '../../shared/time.js';
import { readBootId } from '../boot-id.js';
import { toObserved } from '../isolation/observed.js';
import { fileStore } from '../isolation/store.js';
import { readSettings, type Flags } from './options.js';

/** Prints what the state file says is enforced. The agent need not run. */
export async function status(flags: Flags): Promise<void> {
  const { json, ...others } = flags;
  const settings = readSettings(others);
  const now = {
    bootId: await readBootId(),
    sinceBootMs: systemClock.sinceBoot(),
    wallMs: systemClock.wall(),
  };
  const { state, desired } = fileStore(settings.data_dir).load();
  const kind =
    settings.enforcer === 'recording'
      ? EnforcerKind.ENFORCER_KIND_RECORDING
      : process.platform === 'win32'
        ? EnforcerKind.ENFORCER_KIND_WFP
        : EnforcerKind.ENFORCER_KIND_NFTABLES;
  const observed = toObserved(state, kind, now);
  const generation = desired?.generation ?? 0n;
  if (json === true) {
    const content = { generation: generation.toString(), observed: ObservedIsolation.toJSON(observed) };
    console.log(escapedJson(JSON.stringify(content, null, 2)));
  } else {
    console.log(lines(observed, generation).join('\n'));
  }
}

function lines(observed: ObservedIsolation, generation: bigint): string[] {
  const word = (text: string): string => text.replace(/^[A-Z]+(_[A-Z]+)*?_(?=[A-Z]+$)/, '').toLowerCase();
  const rows: [string, string][] = [
    ['state', word(isolationStateToJSON(observed.state))],
    ['generation', generation.toString()],
  ];
  if (observed.mode) rows.push(['mode', word(isolationModeToJSON(observed.mode))]);
  if (observed.isolationId) rows.push(['isolation', observed.isolationId]);
  if (observed.reason) rows.push(['reason', observed.reason]);
  if (observed.requestedBy) rows.push(['requested by', observed.requestedBy]);
  if (observed.enforcedAt) rows.push(['since', new Date(fromTimestamp(observed.enforcedAt)).toISOString()]);
  if (observed.until) rows.push(['until', new Date(fromTimestamp(observed.until)).toISOString()]);
  if (observed.evidence)
    rows.push(['verification', word(verificationToJSON(observed.evidence.verification))]);
  if (observed.degradedReason) rows.push(['degraded', observed.degradedReason]);
  // A reason comes from elsewhere and must not move the cursor.
  return rows.map(([name, value]) => `${name.padEnd(14)}${printable(value)}`);
}
