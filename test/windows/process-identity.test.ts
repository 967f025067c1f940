import { expect } from 'chai';
import { parseSid, serviceSid } from '../../agent/windows/sid.js';
import { serviceSidAmong } from '../../agent/windows/process-identity.js';
import { itNeeding } from '../net/site/it-needing.js';
import { expectSuite, Wine, wine } from './wine.js';

const ENABLED = 0x4;

describe('the identity of a process on Windows', function () {
  this.timeout(60_000);
  let windows: Wine | undefined;
  afterEach(() => windows?.close());

  itNeeding(wine, 'is read from its token', async () => {
    windows = Wine.make();
    await expectSuite(windows, 'test/windows/suites/process-identity.wine.js');
  });

  it('is the SID of its service where it has one that is in force', () => {
    const own = { sid: serviceSid('cordon-agent'), attributes: ENABLED };
    const users = { sid: parseSid('S-1-5-32-545'), attributes: ENABLED };
    const allServices = { sid: parseSid('S-1-5-80-0'), attributes: ENABLED };
    expect(serviceSidAmong([users, allServices, own])).to.equal(own.sid);
    expect(serviceSidAmong([users, allServices])).to.equal(undefined);
    expect(serviceSidAmong([{ ...own, attributes: 0 }])).to.equal(undefined);
  });
});
