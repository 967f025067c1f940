import { expect } from 'chai';
import {
  formatServerAddress,
  grpcTarget,
  parseServerAddress,
} from '../../../../cli/session/server-address.js';

describe('the address of a server', () => {
  it('takes names and addresses, and adds the port that is missing', () => {
    expect(parseServerAddress('cordon.example.org')).to.deep.equal({
      host: 'cordon.example.org',
      port: 7444,
    });
    expect(parseServerAddress('192.0.2.1:99')).to.deep.equal({ host: '192.0.2.1', port: 99 });
    expect(parseServerAddress('[2001:db8::1]:99')).to.deep.equal({ host: '2001:db8::1', port: 99 });
    expect(parseServerAddress('2001:db8::1')).to.deep.equal({ host: '2001:db8::1', port: 7444 });
  });

  for (const wrong of ['', 'host:0', 'host:65536', 'host:port', 'https://host', 'a b', '[host]:1', ':7444']) {
    it(`refuses "${wrong}"`, () => expect(parseServerAddress(wrong)).to.equal(undefined));
  }

  it('names an address to gRPC so that it is not looked up', () => {
    expect(grpcTarget({ host: '2001:db8::1', port: 1 })).to.equal('ipv6:[2001:db8::1]:1');
    expect(grpcTarget({ host: '192.0.2.1', port: 1 })).to.equal('ipv4:192.0.2.1:1');
    expect(grpcTarget({ host: 'name', port: 1 })).to.equal('dns:name:1');
    expect(formatServerAddress({ host: '2001:db8::1', port: 1 })).to.equal('[2001:db8::1]:1');
  });
});
