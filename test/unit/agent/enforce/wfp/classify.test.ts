import { expect } from 'chai';
import type { Transport } from '../../../../../agent/enforce/model.js';
import { classify } from '../../../../../agent/enforce/wfp/classify.js';
import { packetOn, type Probe } from '../../../../vectors/scene.js';
import { processOf } from '../../../../vectors/vector.js';

const SYN = { syn: true, ack: false, fin: false, rst: false };
const udp: Transport = { protocol: 'udp', localPort: 4000, remotePort: 53 };

const v4: Probe = {
  way: 'out',
  local: '192.0.2.11',
  remote: '192.0.2.2',
  transport: udp,
  loopback: false,
  owner: 'browser',
};
const v6: Probe = { ...v4, local: '2001:db8::b', remote: '2001:db8::2' };

function shown(probe: Probe): string {
  const seen = classify(packetOn('windows', probe), processOf(probe));
  if (seen.kind === 'not-seen') return `not seen: ${seen.why}`;
  const values = (['IP_PROTOCOL', 'IP_LOCAL_PORT', 'IP_REMOTE_PORT', 'FLAGS'] as const).map((field) => {
    const value = seen.fields.get(field);
    return value && 'value' in value ? String(value.value) : 'none';
  });
  return [seen.layer, ...values].join(' ');
}

describe('what ALE sees of a packet', () => {
  for (const [probe, wanted] of [
    [v4, 'ALE_AUTH_CONNECT_V4 17 4000 53 0'],
    [{ ...v6, way: 'in' }, 'ALE_AUTH_RECV_ACCEPT_V6 17 4000 53 0'],
    [{ ...v4, loopback: true }, 'ALE_AUTH_CONNECT_V4 17 4000 53 1'],
    [
      { ...v6, transport: { protocol: 'tcp', localPort: 4000, remotePort: 443, flags: SYN } },
      'ALE_AUTH_CONNECT_V6 6 4000 443 0',
    ],
    // Type and code stand where others have ports.
    [{ ...v4, way: 'in', transport: { protocol: 'icmp', type: 8 } }, 'ALE_AUTH_RECV_ACCEPT_V4 1 8 0 0'],
    [{ ...v6, transport: { protocol: 'icmpv6', type: 135 } }, 'ALE_AUTH_CONNECT_V6 58 135 0 0'],
    [{ ...v4, transport: { protocol: 'other', number: 47 } }, 'ALE_AUTH_CONNECT_V4 47 0 0 0'],
    [{ ...v4, transport: { protocol: 'icmp', type: 3 } }, 'not seen: icmp-error'],
    [{ ...v6, way: 'in', transport: { protocol: 'icmpv6', type: 2 } }, 'not seen: icmp-error'],
    [
      { ...v4, transport: { protocol: 'tcp', localPort: 1, remotePort: 2, flags: { ...SYN, ack: true } } },
      'not seen: opens-no-connection',
    ],
  ] satisfies [Probe, string][]) {
    it(`is ${wanted} for ${probe.transport.protocol} ${probe.way} to ${probe.remote}`, () => {
      expect(shown(probe)).to.equal(wanted);
    });
  }

  it('is nothing of a reply: its flow was decided when it was opened', () => {
    const reply = { ...packetOn('windows', { ...v4, way: 'in' }), openedBy: 'this-computer' as const };
    expect(classify(reply, processOf(v4))).to.deep.equal({ kind: 'not-seen', why: 'belongs-to-a-flow' });
  });

  it('has addresses in the order of bytes that conditions use, and the owner', () => {
    const four = classify(packetOn('windows', v4), processOf(v4));
    const six = classify(packetOn('windows', v6), processOf(v6));
    if (four.kind !== 'classified' || six.kind !== 'classified') throw new Error('not seen');
    expect(four.fields.get('IP_REMOTE_ADDRESS')).to.deep.equal({ type: 'uint32', value: 0xc0000202 });
    expect(six.fields.get('IP_LOCAL_ADDRESS')).to.deep.equal({
      type: 'byte-array16',
      value: Buffer.from('20010db800000000000000000000000b', 'hex'),
    });
    const { appId, token } = processOf(v4);
    expect(four.fields.get('ALE_APP_ID')).to.deep.equal({ type: 'byte-blob', value: appId });
    expect(four.fields.get('ALE_USER_ID')).to.deep.equal({ type: 'token', sids: token });
  });
});
