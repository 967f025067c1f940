import { status } from '@grpc/grpc-js';
import { characters } from '../../shared/characters.js';
import type { Clock } from '../../shared/clock.js';
import { CordonError, invalid, type Violation } from '../../shared/errors.js';
import type { AgentEvent } from '../../shared/gen/cordon/v1/agent_service.js';
import { ErrorReason } from '../../shared/gen/cordon/v1/error.js';
import type { ReportDetectionRequest } from '../../shared/gen/cordon/v1/local_service.js';
import type { Logger } from '../../shared/log.js';
import type { IsolationOwner } from '../isolation/owner.js';
import { Allowance } from './allowance.js';

/** The agent's own detector. Nobody else speaks in its name. */
const OWN_DETECTOR = 'ioc-scan';
const LONGEST_SOURCE = 64;
const LONGEST_RULE = 256;
const LONGEST_DETAILS = 64 * 1024;
/** Every detection is kept on disk until the server has it: so many at once, then one every ten seconds. */
const AT_ONCE = 60;
const EVERY_MS = 10_000;

export interface DetectionsParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly owner: Pick<IsolationOwner, 'accepted' | 'isolateAutomatically'>;
  /** Keeps an event until the server has it. */
  readonly tell: (event: NonNullable<AgentEvent['event']>) => void;
}

/** Detections of other security tools on this device. */
export class Detections {
  /** What tools may report that the policy does not list. */
  private readonly others: Allowance;
  /** One for each that it lists: a tool that nobody trusts must not take the place of one that is. */
  private readonly trusted = new Map<string, Allowance>();

  constructor(private readonly parts: DetectionsParts) {
    this.others = this.allowance();
  }

  /**
   * Tells the server, and isolates where the policy lists the tool and turns automatic isolation on. Resolves to the
   * isolation that it started; empty: none, for example because the device is isolated already (DESIGN 3.7).
   * @throws CordonError INVALID_ARGUMENT, RESOURCE_EXHAUSTED, PERMISSION_DENIED (after the server was told)
   */
  async report(request: ReportDetectionRequest): Promise<string> {
    const { owner, log, tell } = this.parts;
    const { source, ruleId, detailsJson } = request;
    validate(request);
    const listed = owner.accepted?.trustedDetectors ?? [];
    const trusted = listed.includes(source);
    this.admit(source, trusted, listed);
    log.warn({ source, ruleId, trusted }, 'a detection was reported at the device');
    let isolationId = '';
    try {
      if (trusted) {
        const reason = `detected by ${source}: rule ${ruleId}`;
        isolationId = await owner.isolateAutomatically({ source, reason });
      }
    } finally {
      tell({
        $case: 'detectionFound',
        value: { source, ruleId, detailsJson, isolationId, iocMatch: undefined, responses: [] },
      });
    }
    if (!trusted) throw notTrusted(source);
    return isolationId;
  }

  private admit(source: string, trusted: boolean, listed: readonly string[]): void {
    for (const name of this.trusted.keys()) if (!listed.includes(name)) this.trusted.delete(name);
    let allowance = this.others;
    if (trusted) {
      allowance = this.trusted.get(source) ?? this.allowance();
      this.trusted.set(source, allowance);
    }
    const retryAfterMs = allowance.take();
    if (retryAfterMs === 0) return;
    throw new CordonError(
      status.RESOURCE_EXHAUSTED,
      ErrorReason.ERROR_REASON_TOO_MANY_ATTEMPTS,
      'too many detections; this one was not recorded',
      { retryAfterMs },
    );
  }

  private allowance(): Allowance {
    return new Allowance(this.parts.clock, AT_ONCE, EVERY_MS);
  }
}

function validate({ source, ruleId, detailsJson }: ReportDetectionRequest): void {
  const found: Violation[] = [];
  const name = textProblem(source, LONGEST_SOURCE);
  if (name !== undefined) found.push({ field: 'source', description: name });
  else if (source.toLowerCase() === OWN_DETECTOR) {
    found.push({ field: 'source', description: `must not be ${OWN_DETECTOR}: that is the agent's own` });
  }
  const rule = textProblem(ruleId, LONGEST_RULE);
  if (rule !== undefined) found.push({ field: 'rule_id', description: rule });
  if (detailsJson !== '' && !isSmallObject(detailsJson)) {
    const description = `must be a JSON object of at most ${LONGEST_DETAILS / 1024} KiB`;
    found.push({ field: 'details_json', description });
  }
  if (found.length > 0) throw invalid(found);
}

/** Control characters would reach terminals and logs. */
function textProblem(text: string, longest: number): string | undefined {
  const count = characters(text);
  if (count >= 1 && count <= longest && !/[\p{Cc}\p{Cf}]/u.test(text)) return undefined;
  return `must have 1 to ${longest} characters, without control characters`;
}

function isSmallObject(text: string): boolean {
  if (Buffer.byteLength(text) > LONGEST_DETAILS) return false;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function notTrusted(source: string): CordonError {
  return new CordonError(
    status.PERMISSION_DENIED,
    ErrorReason.ERROR_REASON_DETECTOR_NOT_TRUSTED,
    `recorded and reported, but the policy does not list ${source}, so it isolates nothing`,
  );
}
