import { Client, Metadata, Server, ServerCredentials, credentials, status } from '@grpc/grpc-js';
import type { MethodDefinition, ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import { pino } from 'pino';
import { policyService } from '../../../server/api/policy-service.js';
import { registerService } from '../../../server/api/register-service.js';
import { buildDesiredState } from '../../../server/desired/desired-state.js';
import { createApiToken } from '../../../server/identity/api-tokens.js';
import { agentPortOptions, managementPortOptions } from '../../../server/ports/grpc-options.js';
import { contentHash } from '../../../shared/desired-state.js';
import { readServiceError } from '../../../shared/errors.js';
import { ConnectResponse } from '../../../shared/gen/cordon/v1/agent_service.js';
import { Exclusion } from '../../../shared/gen/cordon/v1/exclusion.js';
import type { IsolationSettings } from '../../../shared/gen/cordon/v1/isolation.js';
import { IsolationDirective } from '../../../shared/gen/cordon/v1/isolation.js';
import { Role } from '../../../shared/gen/cordon/v1/operator_service.js';
import { PolicyServiceService } from '../../../shared/gen/cordon/v1/policy_service.js';
import { newId } from '../../../shared/ids.js';
import { policyWith, settingsWith } from '../../story/desk.js';
import { LinkSite } from '../../story/server-link-site.js';

/** As many exclusions as a list may have, each for an address of its own. */
function tenThousand(): Exclusion[] {
  return Array.from({ length: 10_000 }, (_, index) => ({
    ...Exclusion.fromPartial({
      name: `host ${index}`,
      protocol: 6,
      remotePorts: [{ first: 443, last: 443 }],
    }),
    remoteAddresses: [`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`],
  }));
}

describe('settings of 10,000 exclusions', () => {
  let site: LinkSite;
  let server: Server;
  let client: Client;
  const metadata = new Metadata();

  beforeEach(async () => {
    site = await LinkSite.open();
    const { store, clock } = site;
    const log = pino({ level: 'silent' });
    const hosts = { isKnown: () => Promise.resolve(false) };
    const desiredChanged = (ids: readonly string[]): void => site.registry.pokeDesired(ids);
    server = new Server(managementPortOptions);
    const stopping = new AbortController().signal;
    const handlers = policyService({ store, clock, hosts, desiredChanged });
    registerService(server, PolicyServiceService, handlers, { store, clock, log, stopping });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const wanted = { operatorName: 'ada', role: Role.ROLE_ADMINISTRATOR, expiresAt: undefined };
    const { secret } = await store.write((tx) => createApiToken(tx, wanted, clock.wall()));
    metadata.set('authorization', `Bearer ${secret}`);
  });

  afterEach(async () => {
    client.close();
    server.forceShutdown();
    await site.close();
  });

  const call = <Request, Response>(method: MethodDefinition<Request, Response>, request: Request) =>
    new Promise<Response>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method;
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        (error, answer) => (error ? reject(error) : resolve(answer as Response)),
      );
    });

  const create = (settings: IsolationSettings) =>
    call(PolicyServiceService.createPolicy, {
      policy: policyWith({ displayName: 'large', groupId: 'root', automaticIsolation: true, settings }),
      requestId: newId(),
      validateOnly: false,
      allowUnresolvedHosts: false,
    });

  it('are taken in one call, read in one answer, and reach the device in one message', async function () {
    this.timeout(20_000);
    const device = await site.device('web-1');
    const agent = site.agent(device);
    await agent.hello();
    if (agent.desired) await agent.applied(agent.desired, { isolationId: '' });
    await create(settingsWith({}));
    const update = {
      policy: policyWith({ id: 'large', settings: { exclusions: tenThousand() } }),
      updateMask: ['settings.exclusions'],
      requestId: newId(),
      validateOnly: false,
      allowUnresolvedHosts: false,
    };
    const started = performance.now();
    const answer = await call(PolicyServiceService.updatePolicy, update);
    expect(performance.now() - started).to.be.below(5_000);
    expect(answer.affectedDevices).to.equal(1);
    expect(answer.policy?.settings?.exclusions).to.deep.equal(tenThousand());
    const list = await call(PolicyServiceService.listPolicies, { pageSize: 0, pageToken: '' });
    expect(list.policies[0]?.settings?.exclusions).to.have.length(10_000);

    const { settings_hash: hash } = await site.row(device);
    const settings = await site.deps.settings.read(site.store.read, hash);
    const both = { ...settings, manualSettings: settings.automaticSettings };
    const state = buildDesiredState({ generation: 3, directive_proto: null }, both);
    const message = { seq: 1n, ack: 1n, payload: { $case: 'desiredState' as const, value: state } };
    const { length } = ConnectResponse.encode(message).finish();
    expect(length).to.be.below(agentPortOptions['grpc.max_send_message_length'] ?? 0);
  });

  it('that break rules without number are refused with an answer that every client can read', async () => {
    const exclusions = tenThousand().map((exclusion) => ({ ...exclusion, protocol: 300 }));
    try {
      await create(settingsWith({ exclusions }));
    } catch (error) {
      const refusal = readServiceError(error as ServiceError);
      expect(refusal).to.include({ code: status.INVALID_ARGUMENT, reason: 'INVALID_FIELD' });
      expect(refusal.violations[0]?.field).to.equal('policy.settings.exclusions[0].protocol');
      const [details] = (error as ServiceError).metadata.get('grpc-status-details-bin');
      expect(details).to.have.property('length').that.is.below(6_000);
      return;
    }
    throw new Error('the call was expected to be refused');
  });

  it('are hashed as the whole message is, although their part is encoded once', () => {
    const settings = {
      manualSettings: settingsWith({ exclusions: tenThousand().slice(0, 10) }),
      automaticSettings: undefined,
      localRelease: undefined,
      trustedDetectors: ['edr'],
    };
    const directive = IsolationDirective.encode(IsolationDirective.fromPartial({ id: newId() })).finish();
    for (const directive_proto of [null, directive]) {
      const state = buildDesiredState({ generation: 7, directive_proto }, settings);
      expect(state.contentHash).to.deep.equal(contentHash(state));
    }
  });
});
