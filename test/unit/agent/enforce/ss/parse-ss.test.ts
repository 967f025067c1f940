import { expect } from 'chai';
import { parseSockets, parseSs } from '../../../../../agent/enforce/ss/parse-ss.js';
import { TransportProtocol } from '../../../../../shared/gen/cordon/v1/network.js';

describe('reading ss', () => {
  it('reads addresses, ports, state and owner', () => {
    const [connection] = parseSs(
      'tcp   ESTAB 0      0      10.0.0.1:22   10.0.0.2:55555 users:(("sshd",pid=71,fd=4),("sshd",pid=70,fd=4))\n',
    );
    expect(connection).to.deep.equal({
      protocol: TransportProtocol.TRANSPORT_PROTOCOL_TCP,
      localAddress: '10.0.0.1',
      localPort: 22,
      remoteAddress: '10.0.0.2',
      remotePort: 55555,
      state: 'ESTAB',
      processName: 'sshd',
      processId: 71,
    });
  });

  it('writes mapped addresses as IPv4 and drops zones', () => {
    const output = [
      'tcp ESTAB 0 0 [::ffff:10.0.0.1]:22 [::ffff:10.0.0.2]:5',
      'udp ESTAB 0 0 [fe80::1]%eth0:546 [fe80::2%eth0]:547',
    ].join('\n');
    expect(
      parseSs(output).map(({ localAddress, remoteAddress }) => [localAddress, remoteAddress]),
    ).to.deep.equal([
      ['10.0.0.1', '10.0.0.2'],
      ['fe80::1', 'fe80::2'],
    ]);
  });

  it('gives a listener no remote side and keeps a process name with spaces', () => {
    const [tcp, udp] = parseSs(
      'tcp LISTEN 0 511 *:80 *:* users:(("my app",pid=9,fd=3))\nudp UNCONN 0 0 0.0.0.0:68 0.0.0.0:*\n',
    );
    expect(tcp).to.include({ localAddress: '::', remoteAddress: '', remotePort: 0, processName: 'my app' });
    expect(udp).to.include({ localPort: 68, remoteAddress: '', processId: 0 });
  });

  it('leaves out what it does not know', () => {
    expect(
      parseSs('\nraw UNCONN 0 0 0.0.0.0:1 0.0.0.0:*\nnonsense\ntcp ESTAB 0 0 here there\n'),
    ).to.deep.equal([]);
  });
});

describe('reading ss with all owners', () => {
  it('names every process of a socket once', () => {
    const [shared, unowned] = parseSockets(
      'tcp LISTEN 0 511 *:80 *:* users:(("nginx",pid=9,fd=3),("nginx",pid=9,fd=4),("my (app)",pid=10,fd=3))\ntcp ESTAB 0 0 10.0.0.1:1 10.0.0.2:2\n',
    );
    expect(shared?.owners).to.deep.equal([
      { pid: 9, name: 'nginx' },
      { pid: 10, name: 'my (app)' },
    ]);
    expect(unowned?.owners).to.deep.equal([]);
  });
});
