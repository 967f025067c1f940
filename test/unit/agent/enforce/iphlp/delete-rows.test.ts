import { expect } from 'chai';
import { deleteTcpRow, nsiTcpKey, NSI_TCP_MODULE } from '../../../../../agent/enforce/iphlp/delete-rows.js';

const from = { address: Buffer.from([10, 0, 0, 1]), port: 22, scopeId: 0 };
const to = { address: Buffer.from([192, 0, 2, 7]), port: 50_000, scopeId: 0 };

describe('how Windows is told to end a connection', () => {
  it('takes IPv4 as a row with its state, in network order', () => {
    expect(deleteTcpRow(from, to).toString('hex')).to.equal(
      '0c000000' + '0a000001' + '00160000' + 'c0000207' + 'c3500000',
    );
  });

  it('takes IPv6 as a pair of socket addresses, the local one first', () => {
    const local = { address: Buffer.alloc(16, 0xa1), port: 443, scopeId: 9 };
    const remote = { address: Buffer.alloc(16, 0xb2), port: 50_000, scopeId: 0 };
    expect(nsiTcpKey(local, remote).toString('hex')).to.equal(
      `170001bb00000000${'a1'.repeat(16)}09000000` + `1700c35000000000${'b2'.repeat(16)}00000000`,
    );
  });

  it('names the TCP module as Windows does', () => {
    // Length, kind and GUID eb004a03-9b1a-11d4-9123-0050047759bc, as netiodef.h has it.
    expect(NSI_TCP_MODULE.length).to.equal(24);
    expect(NSI_TCP_MODULE.readUInt16LE(0)).to.equal(24);
    expect(NSI_TCP_MODULE.readUInt32LE(4)).to.equal(1);
    expect(NSI_TCP_MODULE.readUInt32LE(8)).to.equal(0xeb00_4a03);
    expect(NSI_TCP_MODULE.readUInt16LE(12)).to.equal(0x9b1a);
    expect(NSI_TCP_MODULE.readUInt16LE(14)).to.equal(0x11d4);
    expect(NSI_TCP_MODULE.subarray(16).toString('hex')).to.equal('91230050047759bc');
  });
});
