import { expect } from 'chai';
import fc from 'fast-check';
import type { Moment } from '../../../../agent/isolation/deadline.js';
import {
  CONFIRM_WITHIN_MS,
  next,
  nextDeadlineMs,
  type Input,
  type Step,
} from '../../../../agent/isolation/machine.js';
import { isActive, type Proof, type State } from '../../../../agent/isolation/state.js';
import {
  IsolationEndCause,
  IsolationEvidence,
  IsolationMode,
  ServerLossAction,
  UnconfirmedAction,
} from '../../../../shared/gen/cordon/v1/isolation.js';
import { toDuration } from '../../../../shared/time.js';
import { HOUR_MS, ISOLATION, order, OTHER_ISOLATION, settings } from '../../../fakes/isolation.js';

const released: State = { kind: 'RELEASED', last: undefined };
const proof: Proof = { planId: 'plan', unsupported: [], evidence: IsolationEvidence.fromPartial({}) };
const at = (ms: number): Moment => ({ bootId: 'boot', sinceBootMs: ms, wallMs: 1_000_000 + ms });
const enforced = {
  kind: 'enforced',
  proof,
  missing: undefined,
  latencyMs: 3,
  readBackAt: at(0),
} satisfies Input;
const kinds = ({ effects }: Step): string[] => effects.map(({ kind }) => kind);

/** Feeds inputs one after the other. */
function after(inputs: readonly Input[], ms = 0, from: State = released): State {
  return inputs.reduce((state, input) => next(state, input, at(ms)).state, from);
}
const isolated = (change = {}): State =>
  after([{ kind: 'ordered', order: order(ISOLATION, change) }, enforced]);
const endedBy = (state: State): IsolationEndCause | undefined =>
  state.kind === 'RELEASING' ? state.ending?.cause : undefined;

describe('the isolation state machine', () => {
  it('goes from released over enforcing to isolated, and over releasing back', () => {
    const ordered = next(released, { kind: 'ordered', order: order() }, at(0));
    expect(ordered.state.kind).to.equal('ENFORCING');
    expect(kinds(ordered)).to.deep.equal(['enforce']);
    const done = next(ordered.state, enforced, at(5));
    expect(done.state.kind).to.equal('ISOLATED');
    expect(kinds(done)).to.deep.equal(['tell-changed']);
    const release = next(
      done.state,
      { kind: 'released', cause: IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR },
      at(9),
    );
    expect(release.state.kind).to.equal('RELEASING');
    expect(kinds(release)).to.deep.equal(['clear']);
    const gone = next(release.state, { kind: 'cleared' }, at(10)).state;
    expect(gone).to.deep.equal({
      kind: 'RELEASED',
      last: { id: ISOLATION, cause: IsolationEndCause.ISOLATION_END_CAUSE_OPERATOR, atMs: 1_000_009 },
    });
  });

  it('counts the release delay from enforcement', () => {
    const state = after([{ kind: 'confirmed', isolationId: ISOLATION }], 1, isolated());
    expect(next(state, { kind: 'tick' }, at(HOUR_MS - 1)).state.kind).to.equal('ISOLATED');
    const due = next(state, { kind: 'tick' }, at(HOUR_MS));
    expect(endedBy(due.state)).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE);
  });

  it('counts a changed delay from the first enforcement, and releases at once when it has passed', () => {
    const state = after([{ kind: 'confirmed', isolationId: ISOLATION }], 0, isolated());
    const longer = order(ISOLATION, { releaseDelayMs: 3 * HOUR_MS });
    const changed = next(state, { kind: 'ordered', order: longer }, at(HOUR_MS / 2)).state;
    expect(nextDeadlineMs(changed, at(HOUR_MS / 2))).to.equal(2.5 * HOUR_MS);
    const shorter = order(ISOLATION, { releaseDelayMs: 60_000 });
    const over = next(state, { kind: 'ordered', order: shorter }, at(HOUR_MS / 2)).state;
    expect(endedBy(over)).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE);
  });

  it('never ends by itself with a delay of 0', () => {
    const state = after([{ kind: 'confirmed', isolationId: ISOLATION }], 0, isolated({ releaseDelayMs: 0 }));
    expect(next(state, { kind: 'tick' }, at(1e12)).state).to.equal(state);
    expect(nextDeadlineMs(state, at(0))).to.equal(undefined);
  });

  it('swaps to another isolation in one step and says that the first one was replaced', () => {
    const step = next(isolated(), { kind: 'ordered', order: order(OTHER_ISOLATION) }, at(7));
    expect(kinds(step)).to.deep.equal(['tell-ended', 'enforce']);
    expect(step.effects[0]).to.deep.include({
      ended: { id: ISOLATION, cause: IsolationEndCause.ISOLATION_END_CAUSE_REPLACED, atMs: 1_000_007 },
    });
  });

  it('rolls back a manual isolation that nobody confirms, and keeps an automatic one', () => {
    const expired = { kind: 'tick' } as const;
    const manual = next(isolated(), expired, at(CONFIRM_WITHIN_MS));
    expect(endedBy(manual.state)).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_UNCONFIRMED);
    const automatic = next(
      isolated({ mode: IsolationMode.ISOLATION_MODE_AUTOMATIC }),
      expired,
      at(CONFIRM_WITHIN_MS),
    );
    expect(automatic.state.kind).to.equal('ISOLATED');
  });

  it('takes no confirmation of an isolation that was not in force yet', () => {
    const failed = after([
      { kind: 'ordered', order: order() },
      { kind: 'enforce-failed', detail: 'nft is missing' },
      { kind: 'confirmed', isolationId: ISOLATION },
      enforced,
    ]);
    const late = next(failed, { kind: 'tick' }, at(CONFIRM_WITHIN_MS));
    expect(endedBy(late.state)).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_UNCONFIRMED);
  });

  it('ends on time what may be in force and could not be proved, and counts anew once it is', () => {
    const unproven = { kind: 'enforce-failed', detail: 'a filter was changed', unproven: true } as const;
    const ordered = order(ISOLATION, { releaseDelayMs: HOUR_MS });
    const failed = after([{ kind: 'ordered', order: ordered }, unproven]);
    expect(failed).to.include({ kind: 'DEGRADED' });
    expect(nextDeadlineMs(failed, at(0))).to.equal(HOUR_MS);
    const again = next(failed, unproven, at(HOUR_MS / 2)).state;
    expect(nextDeadlineMs(again, at(HOUR_MS / 2))).to.equal(HOUR_MS / 2);
    const late = next(again, { kind: 'tick' }, at(HOUR_MS));
    expect(endedBy(late.state)).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE);
    const proved = next(failed, { ...enforced, readBackAt: at(1_000) }, at(1_000)).state;
    expect(isActive(proved) && proved.isolation.release?.due).to.deep.equal(at(1_000 + HOUR_MS));
    const refused = after([
      { kind: 'ordered', order: ordered },
      { ...unproven, unproven: false },
    ]);
    expect(nextDeadlineMs(refused, at(0)), 'nothing is in force').to.equal(undefined);
  });

  it('counts from the moment at which the rules were read back, however long the checks took', () => {
    const state = next(
      after([{ kind: 'ordered', order: order() }]),
      { ...enforced, readBackAt: at(10) },
      at(9_000),
    ).state;
    expect(nextDeadlineMs(state, at(9_000))).to.equal(CONFIRM_WITHIN_MS);
    const confirmed = next(state, { kind: 'confirmed', isolationId: ISOLATION }, at(9_000)).state;
    expect(nextDeadlineMs(confirmed, at(9_000))).to.equal(HOUR_MS + 10 - 9_000);
  });

  it('lets the settings decide what happens without confirmation', () => {
    const keep = settings({ onUnconfirmed: UnconfirmedAction.UNCONFIRMED_ACTION_KEEP });
    expect(next(isolated({ settings: keep }), { kind: 'tick' }, at(CONFIRM_WITHIN_MS)).state.kind).to.equal(
      'ISOLATED',
    );
    const rollBack = settings({ onUnconfirmed: UnconfirmedAction.UNCONFIRMED_ACTION_ROLL_BACK });
    const mode = IsolationMode.ISOLATION_MODE_AUTOMATIC;
    const gone = next(isolated({ settings: rollBack, mode }), { kind: 'tick' }, at(CONFIRM_WITHIN_MS)).state;
    expect(endedBy(gone)).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_UNCONFIRMED);
  });

  it('takes a confirmation only for the isolation that is in force', () => {
    const other = after([{ kind: 'confirmed', isolationId: OTHER_ISOLATION }], 1, isolated());
    expect(endedBy(next(other, { kind: 'tick' }, at(CONFIRM_WITHIN_MS)).state)).to.not.equal(undefined);
    const right = after([{ kind: 'confirmed', isolationId: ISOLATION }], 1, isolated());
    expect(next(right, { kind: 'tick' }, at(CONFIRM_WITHIN_MS)).state.kind).to.equal('ISOLATED');
  });

  it('releases after the server stayed lost for as long as the settings say, counted from the first loss', () => {
    const loss = settings({
      onServerLoss: ServerLossAction.SERVER_LOSS_ACTION_RELEASE,
      serverLossReleaseAfter: toDuration(120_000),
    });
    const confirmed = after([{ kind: 'confirmed', isolationId: ISOLATION }], 0, isolated({ settings: loss }));
    const lost = after([{ kind: 'server-lost' }], 10, confirmed);
    const lostAgain = after([{ kind: 'server-lost' }], 60_000, lost);
    expect(next(lostAgain, { kind: 'tick' }, at(120_009)).state.kind).to.equal('ISOLATED');
    expect(endedBy(next(lostAgain, { kind: 'tick' }, at(120_010)).state)).to.equal(
      IsolationEndCause.ISOLATION_END_CAUSE_SERVER_LOSS,
    );
    const found = after([{ kind: 'server-found' }], 90_000, lost);
    expect(next(found, { kind: 'tick' }, at(200_000)).state.kind).to.equal('ISOLATED');
  });

  it('applies again after a start, and releases instead when the deadline passed while it was off', () => {
    expect(kinds(next(isolated(), { kind: 'started' }, at(100)))).to.deep.equal(['enforce']);
    const tomorrow: Moment = { bootId: 'next boot', sinceBootMs: 1, wallMs: 1_000_000 + 24 * HOUR_MS };
    const step = next(isolated(), { kind: 'started' }, tomorrow);
    expect(endedBy(step.state)).to.equal(IsolationEndCause.ISOLATION_END_CAUSE_DEADLINE);
    expect(kinds(step)).to.deep.equal(['clear']);
  });

  it('restores what others changed and tells about it', () => {
    const step = next(isolated(), { kind: 'disturbed', detail: 'gone' }, at(50));
    expect(kinds(step)).to.deep.equal(['enforce', 'tell-tampered']);
  });

  it('is degraded and tries again as long as the packet filter refuses', () => {
    const state = after([
      { kind: 'ordered', order: order() },
      { kind: 'enforce-failed', detail: 'no nft' },
    ]);
    expect(state).to.include({ kind: 'DEGRADED', reason: 'not in force: no nft' });
    expect(kinds(next(state, { kind: 'tick' }, at(1)))).to.deep.equal(['enforce']);
  });

  it('keeps its promises through any sequence of events', () => {
    const input: fc.Arbitrary<Input> = fc.oneof(
      fc.constantFrom<Input>(
        { kind: 'started' },
        { kind: 'tick' },
        { kind: 'server-lost' },
        { kind: 'server-found' },
        { kind: 'disturbed', detail: 'x' },
        { kind: 'confirmed', isolationId: ISOLATION },
        { kind: 'released', cause: IsolationEndCause.ISOLATION_END_CAUSE_LOCAL },
      ),
      fc.record({
        kind: fc.constant('ordered' as const),
        order: fc
          .record({
            id: fc.constantFrom(ISOLATION, OTHER_ISOLATION),
            delay: fc.constantFrom(0, 60_000, HOUR_MS),
          })
          .map(({ id, delay }) => order(id, { releaseDelayMs: delay })),
      }),
    );
    const event = fc.record({ input, passes: fc.nat(90_000), fails: fc.boolean() });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let state = released as State;
        let kernelHolds = false;
        let now = 0;
        const feed = (given: Input, fails: boolean): void => {
          const step: Step = next(state, given, at(now));
          state = step.state;
          for (const effect of step.effects) {
            if (effect.kind === 'enforce') {
              if (!fails) kernelHolds = true;
              feed(
                fails ? { kind: 'enforce-failed', detail: 'refused' } : { ...enforced, readBackAt: at(now) },
                fails,
              );
            }
            if (effect.kind === 'clear') {
              if (!fails) kernelHolds = false;
              feed(fails ? { kind: 'clear-failed', detail: 'refused' } : { kind: 'cleared' }, fails);
            }
          }
        };
        for (const { input: given, passes, fails } of events) {
          now += passes;
          feed(given, fails);
          const kind: string = state.kind;
          if (kernelHolds) expect(kind, 'never released while rules are held').to.not.equal('RELEASED');
          if (kind === 'ISOLATED') expect(kernelHolds, 'never isolated without rules').to.equal(true);
          expect(kind, 'never stuck between two states').to.not.equal('ENFORCING');
          if (isActive(state)) {
            feed({ kind: 'tick' }, fails);
            expect(nextDeadlineMs(state, at(now)) ?? 1, 'a due deadline is acted upon').to.be.above(0);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
