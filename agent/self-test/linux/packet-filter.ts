import { defaultExclusions } from '../../../shared/exclusions/profiles.js';
import { IsolationSettings } from '../../../shared/gen/cordon/v1/isolation.js';
import { readRenderContext } from '../../enforce/nftables/cgroups.js';
import { checkTransaction, nftVersion } from '../../enforce/nftables/nft.js';
import { probeNftables } from '../../enforce/nftables/probe.js';
import { renderPlan } from '../../enforce/nftables/render.js';
import { compilePlan } from '../../enforce/plan.js';
import { fail, pass, type Check } from '../check.js';

/** A server of documentation: the rules are only checked, never loaded. */
const SERVER = { address: '192.0.2.1', port: 7443 };

export const packetFilterChecks: readonly Check[] = [
  {
    name: 'nft-features',
    platform: 'linux',
    claim: 'nft, ss and the kernel have everything that enforcing needs, and this process may use it',
    run: async () => {
      await probeNftables();
      return pass(`nft ${(await nftVersion()).join('.')} takes every kind of rule (checked, not loaded)`);
    },
  },
  {
    name: 'nft-plan',
    platform: 'linux',
    claim: 'nft takes the rules of an isolation with the default exclusions',
    run: async () => {
      const plan = compilePlan({
        isolationId: '',
        settings: IsolationSettings.fromPartial({ exclusions: defaultExclusions() }),
        serverEndpoints: [SERVER],
        resolvedHosts: new Map(),
        expiresInMs: 60_000,
      });
      const { text, unsupported } = renderPlan(plan, readRenderContext());
      await checkTransaction(text);
      const [first] = unsupported;
      if (first) return fail(`${first.name}: ${first.detail}`, 'remove that exclusion from policy and task');
      return pass(`${plan.rules.length} exclusions (checked, not loaded)`);
    },
  },
  {
    name: 'agent-cgroup',
    platform: 'linux',
    claim:
      'a process started as this one is known to the packet filter by its control group, not by its user',
    run: () => {
      const { agent } = readRenderContext();
      return Promise.resolve(
        agent.kind === 'cgroup'
          ? pass(`control group ${agent.cgroup.path}`)
          : fail(
              `this process is known only as user ${agent.uid}: the server's address is open to all that runs as that user`,
              'run it as the agent runs: systemd-run --pipe --slice=system cordon-agent self-test agent-cgroup',
            ),
      );
    },
  },
];
