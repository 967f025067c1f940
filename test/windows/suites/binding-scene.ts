import { expect } from 'chai';
import { openEngine } from '../../../agent/enforce/wfp/engine.js';
import type { EngineOptions, WfpEngine } from '../../../agent/enforce/wfp/engine-interface.js';
import { WfpError } from '../../../agent/enforce/wfp/errors.js';
import { guid, SUBLAYER_UNIVERSAL, type Guid } from '../../../agent/enforce/wfp/guids.js';
import type { Filter, Provider, Sublayer } from '../../../agent/enforce/wfp/types.js';
import { asFilter } from '../bfe-double/dump.js';
import { filter } from '../../unit/agent/enforce/wfp/values.js';
import { InsideBfe } from './inside-bfe.js';

/** What the suites of the binding have in common: its objects, an empty engine for each test, and nothing left behind. */

export const PROVIDER: Provider = {
  key: guid('10000000-0000-4000-8000-000000000001'),
  name: 'Anbieter für Prüfungen ☂',
  description: 'два',
  lifetime: 'persistent',
  data: Buffer.from('provider data'),
  serviceName: undefined,
};
export const SUBLAYER: Sublayer = {
  key: guid('20000000-0000-4000-8000-000000000002'),
  name: 'サブレイヤー',
  description: '',
  provider: PROVIDER.key,
  lifetime: 'persistent',
  data: Buffer.alloc(0),
  weight: 0xffff,
};
/** Self-relative; no owner, no group, a DACL that is absent. */
export const DESCRIPTOR = Buffer.concat([Buffer.from([1, 0, 0, 0x80]), Buffer.alloc(16)]);

export const numbered = (number: number): Guid =>
  guid(`30000000-0000-4000-8000-${String(number).padStart(12, '0')}`);
export const own = (number: number, more: Partial<Filter> = {}): Filter =>
  filter({
    key: numbered(number),
    name: `Filter ${number}`,
    provider: PROVIDER.key,
    sublayer: SUBLAYER.key,
    ...more,
  });
/** Of no provider, so in a sublayer that belongs to none. */
export const NOBODYS = { provider: undefined, sublayer: SUBLAYER_UNIVERSAL };
export const many = (count: number, more?: Partial<Filter>): Filter[] =>
  Array.from({ length: count }, (_, index) => own(index + 1, more));

/** What a promise rejects with; an error of its own where it does not. */
export async function failure(promise: Promise<unknown>): Promise<WfpError> {
  const error: unknown = await promise.then(
    () => new Error('It succeeded'),
    (error: unknown) => error,
  );
  if (error instanceof WfpError) return error;
  throw error;
}

export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !holds(); turn++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(holds()).to.equal(true);
}

export interface BindingScene {
  readonly bfe: Pick<InsideBfe, 'control' | 'dump'>;
  /** A session that is closed after the test. */
  readonly engine: (options?: Partial<EngineOptions>) => Promise<WfpEngine>;
  /** One with provider and sublayer in place. */
  readonly ready: () => Promise<WfpEngine>;
  /** The filters that the double holds, in the order of adding. */
  readonly received: () => Filter[];
}

/** To be called in a `describe`: each of its tests begins with an empty engine, and may leave nothing open. */
export function bindingScene(): BindingScene {
  let inside: InsideBfe;
  const bfe: BindingScene['bfe'] = {
    control: (...commands) => inside.control(...commands),
    dump: () => inside.dump(),
  };
  const open: WfpEngine[] = [];
  const engine = async (options: Partial<EngineOptions> = {}) => {
    const opened = await openEngine({ name: 'Prüfung', lockWaitMs: 2_000, ...options });
    open.push(opened);
    return opened;
  };
  before(async () => {
    inside = await InsideBfe.open();
  });
  beforeEach(() => bfe.control('reset', 'clear-faults', 'odd-addresses off', 'journal on'));
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
    const { counters, errors } = bfe.dump();
    expect(errors).to.deep.equal([]);
    expect(counters).to.deep.equal({ allocations: 0, enumHandles: 0, subscriptions: 0, sessions: 0 });
  });
  return {
    bfe,
    engine,
    ready: async () => {
      const opened = await engine();
      await opened.transaction(async (objects) => {
        await objects.addProvider(PROVIDER);
        await objects.addSublayer(SUBLAYER);
      });
      return opened;
    },
    received: () => bfe.dump().filters.map(asFilter),
  };
}
