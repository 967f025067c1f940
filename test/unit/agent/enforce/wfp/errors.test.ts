import { expect } from 'chai';
import {
  codeOf,
  isSessionLost,
  isUnavailable,
  meaningOf,
  WfpError,
} from '../../../../../agent/enforce/wfp/errors.js';
import { WFP_CODES, WIN32_CODES } from '../../../../../agent/enforce/wfp/error-codes.js';

describe('errors of WFP', () => {
  it('name the call, the object, the error, its number and what to do', () => {
    const error = new WfpError('FwpmFilterAdd0', 0x80320016, { object: 'filter "Loopback"' });
    expect(error.message).to.equal(
      'FwpmFilterAdd0 on filter "Loopback": FWP_E_LIFETIME_MISMATCH (0x80320016): It names an object that does not ' +
        'live as long: delete what an older version left behind, then apply again',
    );
    expect(error).to.include({
      call: 'FwpmFilterAdd0',
      code: 0x80320016,
      errorName: 'FWP_E_LIFETIME_MISMATCH',
    });
  });

  it('put what else is known before the advice', () => {
    const { message } = new WfpError('FwpmTransactionBegin0', 0x80320012, { detail: 'tried 3 times' });
    expect(message).to.match(
      /^FwpmTransactionBegin0: FWP_E_TIMEOUT \(0x80320012\): tried 3 times\. Another program/,
    );
  });

  it('are the same whatever sign the number came with', () => {
    expect(new WfpError('FwpmFilterAdd0', 0x80320009 | 0).code).to.equal(0x80320009);
  });

  it('show small numbers as Windows does, and unknown ones as they are', () => {
    expect(new WfpError('FwpmEngineOpen0', 5).message).to.match(/ERROR_ACCESS_DENIED \(5\)/);
    expect(new WfpError('FwpmEngineOpen0', 4711)).to.include({ errorName: '4711' });
    expect(new WfpError('FwpmEngineOpen0', 0x8032ffff).errorName).to.equal('0x8032FFFF');
  });

  it('say for every code in one sentence what to do', () => {
    for (const [code, name, advice] of [...WFP_CODES, ...WIN32_CODES]) {
      expect(advice, name).to.match(/^[A-Z].+[^.]$/);
      expect(meaningOf(code)?.name).to.equal(name);
      expect(codeOf(name)).to.equal(code);
    }
  });

  it('tell an engine that does not run from one that refuses', () => {
    for (const code of [1062, 1717, 1722, 1726, 1727, 1753, 1764]) {
      expect(isUnavailable(new WfpError('FwpmEngineOpen0', code)), String(code)).to.equal(true);
    }
    for (const code of [5, 0x80320012, 0x80320010]) {
      expect(isUnavailable(new WfpError('FwpmEngineOpen0', code)), String(code)).to.equal(false);
    }
    expect(isUnavailable(new Error('FwpmEngineOpen0: EPT_S_NOT_REGISTERED'))).to.equal(false);
  });

  it('tell when only another session helps', () => {
    expect(isSessionLost(new WfpError('FwpmFilterAdd0', 0x80320010))).to.equal(true);
    expect(isSessionLost(new WfpError('FwpmFilterAdd0', 1726))).to.equal(true);
    expect(isSessionLost(new WfpError('FwpmFilterAdd0', 0x80320009))).to.equal(false);
  });
});
