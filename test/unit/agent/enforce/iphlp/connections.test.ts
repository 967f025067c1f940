import { expect } from 'chai';
import { listConnections } from '../../../../../agent/enforce/iphlp/connections.js';
import { EnforceError } from '../../../../../agent/enforce/enforcer.js';

describe('connections of Windows, where there is no Windows', () => {
  it('cannot be read, and no connection is claimed', async () => {
    const none = { iphlpapi: '/none/iphlpapi.dll' };
    const outcome = await listConnections(none).catch((error: unknown) => error);
    expect(outcome).to.be.instanceOf(EnforceError);
    expect((outcome as Error).message).to.include('connections of Windows cannot be read');
  });
});
