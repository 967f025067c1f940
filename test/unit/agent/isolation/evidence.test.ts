import { expect } from 'chai';
import type { Terminated } from '../../../../agent/enforce/enforcer.js';
import { compilePlan } from '../../../../agent/enforce/plan.js';
import { gatherEvidence } from '../../../../agent/isolation/evidence.js';
import { IsolationSettings, type EvidenceCheck } from '../../../../shared/gen/cordon/v1/isolation.js';
import { Connection } from '../../../../shared/gen/cordon/v1/network.js';
import { FakeEnforcer } from '../../../fakes/fake-enforcer.js';

const plan = compilePlan({
  isolationId: 'isolation',
  settings: IsolationSettings.fromPartial({}),
  serverEndpoints: [{ address: '192.0.2.1', port: 7443 }],
  resolvedHosts: new Map(),
  expiresInMs: undefined,
});

async function checkOf(terminated: Terminated): Promise<EvidenceCheck | undefined> {
  const enforcer = new FakeEnforcer(() => 0);
  const probe = (): Promise<boolean> => Promise.resolve(true);
  const evidence = await gatherEvidence({ enforcer, plan, probe, canaries: [], terminated }, () => 0);
  return evidence.checks.find(({ name }) => name === 'connections-terminated');
}

describe('evidence that connections were ended', () => {
  const left = Connection.fromPartial({ remoteAddress: '2001:db8::1', remotePort: 443 });

  it('names the first one that is left, and the reason where the platform knows it', async () => {
    const detail = '1 connections could not be ended, the first one to 2001:db8::1 port 443';
    expect(await checkOf({ ended: 0, remaining: [left] })).to.deep.include({ detail });
    const why = 'there is no way';
    expect(await checkOf({ ended: 0, remaining: [left], why })).to.deep.include({
      detail: `${detail}: there is no way`,
    });
  });

  it('counts them where none is left', async () => {
    expect(await checkOf({ ended: 3, remaining: [] })).to.deep.include({
      detail: '3 connections were ended, none is left',
    });
  });
});
