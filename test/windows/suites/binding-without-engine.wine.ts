import { expect } from 'chai';
import { openEngine } from '../../../agent/enforce/wfp/engine.js';
import { isUnavailable, WfpError } from '../../../agent/enforce/wfp/errors.js';

/** Wine's own fwpuclnt.dll has nothing behind it. */
describe('a session of WFP without the filter engine', () => {
  it('is refused by name, as one that may come later', async () => {
    const error: unknown = await openEngine({ name: 'test' }).catch((error: unknown) => error);
    expect(error).to.be.instanceOf(WfpError);
    expect(isUnavailable(error)).to.equal(true);
    expect((error as WfpError).message).to.match(
      /^FwpmEngineOpen0 on session "test": RPC_S_CANNOT_SUPPORT \(1764\)/,
    );
  });
});
