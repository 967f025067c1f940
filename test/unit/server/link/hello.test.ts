import { expect } from 'chai';
import { checkHello } from '../../../../server/link/hello.js';
import { Hello } from '../../../../shared/gen/cordon/v1/agent_service.js';

describe('checking a Hello', () => {
  it('does not repeat more of a foreign device id than fits a log line', () => {
    const hello = Hello.fromPartial({ deviceId: 'x'.repeat(1_000_000) });
    expect(() => checkHello(hello, 'a-device'))
      .to.throw(/Hello names device "x+/)
      .with.property('message')
      .with.property('length')
      .below(300);
  });
});
