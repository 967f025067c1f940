import type { JsonValue } from '@bufbuild/protobuf';
import { printable } from '../../shared/command-line/printable.js';
import { ExclusionHint } from '../../shared/gen/cordon/v1/exclusion.js';
import { Policy } from '../../shared/gen/cordon/v1/policy.js';
import { NetworkIsolationTask } from '../../shared/gen/cordon/v1/task.js';
import { toProtoJson } from '../../shared/proto-json.js';
import type { Session } from '../session/session.js';
import { hintLines } from '../view/settings.js';
import { holderTitle, type Holder, type Outcome } from './holder.js';

/** `3 devices follow`. */
export function devicesText(count: number): string {
  return count === 1 ? '1 device follows' : `${count} devices follow`;
}

/**
 * Says what was changed, or what would be.
 * @param names of the exclusions that were changed. Undefined: all are looked at
 */
export function printOutcome(
  { printer }: Session,
  outcome: Outcome,
  dryRun: boolean,
  names?: ReadonlySet<string>,
): void {
  const done = outcome.created ? 'made' : 'changed';
  const verb = dryRun ? `nothing is changed; would have ${done}` : done;
  const title = printable(holderTitle(outcome.holder));
  printer.print(
    () => ({
      kind: 'text',
      text: [
        `${verb} ${title}; ${devicesText(outcome.affectedDevices)}`,
        ...hintLines(outcome.hints, names),
        '',
      ].join('\n'),
    }),
    () => ({ dryRun, ...outcomeJson(outcome) }),
  );
}

/** An outcome for programs. */
export function outcomeJson({ holder, created, hints, affectedDevices }: Outcome): Record<string, JsonValue> {
  return { created, ...holderJson(holder), hints: hintsJson(hints), affectedDevices };
}

export function hintsJson(hints: readonly ExclusionHint[]): JsonValue {
  return hints.map((hint) => toProtoJson('ExclusionHint', ExclusionHint, hint));
}

export function holderJson(holder: Holder): Record<string, JsonValue> {
  return holder.kind === 'policy'
    ? { policy: toProtoJson('Policy', Policy, holder.policy) }
    : { networkIsolationTask: toProtoJson('NetworkIsolationTask', NetworkIsolationTask, holder.task) };
}
