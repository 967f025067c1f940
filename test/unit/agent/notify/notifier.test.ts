import { expect } from 'chai';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { Message } from '../../../../agent/notify/message.js';
import { Notifier } from '../../../../agent/notify/notifier.js';
import type { Show } from '../../../../agent/notify/show.js';
import {
  IsolationEvidence,
  IsolationMode,
  IsolationState,
  ObservedIsolation,
} from '../../../../shared/gen/cordon/v1/isolation.js';
import { toTimestamp } from '../../../../shared/time.js';
import { settled, silent } from '../../../fakes/agent-owner.js';
import { ISOLATION, OTHER_ISOLATION } from '../../../fakes/isolation.js';

const {
  ISOLATION_STATE_RELEASED: RELEASED,
  ISOLATION_STATE_ENFORCING: ENFORCING,
  ISOLATION_STATE_ISOLATED: ISOLATED,
  ISOLATION_STATE_DEGRADED: DEGRADED,
} = IsolationState;
const UNTIL = Date.UTC(2026, 0, 1);

function observed(state: IsolationState, change: Partial<ObservedIsolation> = {}): ObservedIsolation {
  const active = {
    isolationId: ISOLATION,
    mode: IsolationMode.ISOLATION_MODE_MANUAL,
    until: toTimestamp(UNTIL),
    evidence: IsolationEvidence.fromPartial({}),
  };
  const base = ObservedIsolation.fromPartial(state === RELEASED ? {} : active);
  return { ...base, state, ...change };
}

describe('the notifier', () => {
  let shown: Message[];
  const show: Show = (message) => {
    shown.push(message);
    return Promise.resolve([{ kind: 'done' }]);
  };
  beforeEach(() => (shown = []));

  /** First words of what is shown for a row of observations. */
  async function told(before: ObservedIsolation, ...after: ObservedIsolation[]): Promise<string[]> {
    const notifier = new Notifier(before, silent, show);
    for (const each of after) {
      notifier.observe(each, '');
      await settled();
    }
    return shown.map(({ title }) => title);
  }
  const ON = 'This computer is isolated from the network';
  const CHANGED = 'The network isolation of this computer has changed';
  const OFF = 'This computer is back on the network';

  it('tells of an isolation and of its release, once each, however often they are observed', async () => {
    const row = [ENFORCING, ISOLATED, ISOLATED, DEGRADED, ISOLATED, RELEASED, RELEASED];
    expect(await told(observed(RELEASED), ...row.map((state) => observed(state)))).to.deep.equal([ON, OFF]);
  });

  it('tells of another end, another mode and another isolation, not of an end that clocks moved', async () => {
    const later = toTimestamp(UNTIL + 3_600_000);
    expect(
      await told(
        observed(ISOLATED),
        observed(ISOLATED, { until: toTimestamp(UNTIL + 2_000) }),
        observed(ISOLATED, { until: later }),
        observed(ISOLATED, { until: undefined }),
        observed(ISOLATED, { until: undefined, mode: IsolationMode.ISOLATION_MODE_AUTOMATIC }),
        observed(ISOLATED, { until: undefined, isolationId: OTHER_ISOLATION }),
      ),
    ).to.deep.equal([CHANGED, CHANGED, CHANGED, CHANGED]);
  });

  it('does not tell again after a restart of the agent what people know', async () => {
    expect(await told(observed(ISOLATED), observed(ENFORCING), observed(ISOLATED))).to.deep.equal([]);
    expect(await told(observed(ISOLATED), observed(RELEASED))).to.deep.equal([OFF]);
  });

  it('does not say isolated while no rule is in force', async () => {
    const refused = observed(DEGRADED, { evidence: undefined });
    expect(await told(observed(RELEASED), refused, observed(RELEASED))).to.deep.equal([]);
    expect(await told(observed(RELEASED), refused, observed(ISOLATED))).to.deep.equal([ON]);
  });

  it('keeps nobody waiting for a terminal that hangs, and of what waits only the newest', async () => {
    let release: () => void = () => undefined;
    const hangs: Show = (message) => {
      shown.push(message);
      return new Promise((resolve) => (release = () => resolve([{ kind: 'done' }])));
    };
    const notifier = new Notifier(observed(RELEASED), silent, hangs);
    for (let turn = 0; turn < 50; turn++) {
      notifier.observe(observed(ISOLATED), '');
      notifier.observe(observed(RELEASED), '');
    }
    expect(shown).to.have.length(1);
    for (let turn = 0; turn < 10; turn++) {
      release();
      await settled();
    }
    expect(shown.map(({ title }) => title)).to.deep.equal([ON, ON, OFF, ON, OFF]);
  });

  it('says once that nobody could be told, and goes on', async () => {
    let text = '';
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        text += chunk.toString();
        done();
      },
    });
    const fails: Show = () => Promise.resolve([{ kind: 'missing' }]);
    const notifier = new Notifier(observed(RELEASED), pino(sink), fails);
    for (const state of [ISOLATED, RELEASED, ISOLATED]) {
      notifier.observe(observed(state), '');
      await settled();
    }
    expect(text.match(/could not be told/g)).to.have.length(1);
    expect(text).to.contain('util-linux');
  });
});
