import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { printable } from '../../shared/command-line/printable.js';
import { hashPassword } from '../../shared/password-hash.js';
import { LocalReleaseSettings, Policy } from '../../shared/gen/cordon/v1/policy.js';
import {
  CreatePolicyRequest,
  DeletePolicyRequest,
  GetEffectivePolicyRequest,
  GetEffectivePolicyResponse,
  ListPoliciesResponse,
  PolicyServiceService,
} from '../../shared/gen/cordon/v1/policy_service.js';
import { newId } from '../../shared/ids.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { applyPolicy, exportForm } from '../settings/apply.js';
import { addApplyFlags, type ApplyFlags } from '../settings/apply-flags.js';
import { requireChange, type WriteFlags } from '../settings/flags.js';
import { changeHolder, type Holder } from '../settings/holder.js';
import { printOutcome } from '../settings/outcome.js';
import { readNewPassword } from '../settings/password.js';
import { readPolicies, readPolicy } from '../settings/policies.js';
import { addPolicyFlags, applyPolicyFlags, type PolicyFlags } from '../settings/policy-flags.js';
import { defaultSettings } from '../settings/tasks.js';
import { printForm } from '../document/write.js';
import { delayText, policyView } from '../view/settings.js';
import { cell, type Cell } from '../view/table.js';

const SALT_BYTES = 16;

/** `cordon policy ...` */
export function addPolicyCommands(program: Command, state: RunState): void {
  const policies = program
    .command('policy')
    .description('settings of automatic isolation, and who may release at the device; one policy a group');

  policies
    .command('list')
    .description('list policies')
    .action((_: unknown, command: Command) => withSession(state, command, listPolicies));

  policies
    .command('show')
    .description('show a policy with its exclusions')
    .argument('<policy>', 'name or id')
    .action((name: string, _: unknown, command: Command) =>
      withSession(state, command, async ({ api, printer }) => {
        const policy = await readPolicy(api, name);
        printer.print(
          () => policyView(policy),
          () => toProtoJson('Policy', Policy, policy),
        );
      }),
    );

  policies
    .command('effective')
    .description('show which policy applies to a device, and why')
    .argument('<device>', 'name or id')
    .action((device: string, _: unknown, command: Command) =>
      withSession(state, command, (session) => showEffective(session, device)),
    );

  addPolicyFlags(
    policies
      .command('create')
      .description('make a policy; it starts with the DNS and DHCP profiles as exclusions')
      .argument('<name>', 'name, 1 to 128 characters')
      .requiredOption('--group <group>', 'group that it is for: path, id or root'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  cordon policy create plant --group "OT/line 1" --automatic-isolation on --release-delay 4h',
    )
    .action((name: string, flags: PolicyFlags, command: Command) =>
      withSession(state, command, (session) => createPolicy(session, name, flags)),
    );

  addPolicyFlags(
    policies
      .command('set')
      .description('change single settings of a policy')
      .argument('<policy>', 'name or id')
      .option('--group <group>', 'another group that it is for: path, id or root')
      .option('--rename <name>', 'another name'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  cordon policy set plant --release-delay 0\n  cordon policy set plant --server-loss-release-after 24h --trusted-detector edr',
    )
    .action((name: string, flags: PolicyFlags, command: Command) =>
      withSession(state, command, (session) => setPolicy(session, name, flags)),
    );

  policies
    .command('set-password')
    .description('set the password that releases a device at the device; only its hash leaves this computer')
    .argument('<policy>', 'name or id')
    .option('--stdin', 'read it from standard input')
    .option('--remove', 'no password is accepted any more')
    .action((name: string, flags: { stdin?: boolean; remove?: boolean }, command: Command) =>
      withSession(state, command, (session) => setPassword(session, name, flags)),
    );

  policies
    .command('delete')
    .description('remove a policy; its devices follow that of the next group up')
    .argument('<policy>', 'name or id')
    .action((name: string, _: unknown, command: Command) =>
      withSession(state, command, async ({ api, printer }) => {
        const request = DeletePolicyRequest.fromPartial({ id: name, requestId: newId() });
        await api.unary(PolicyServiceService.deletePolicy, request);
        printer.print(
          () => ({ kind: 'text', text: `deleted policy ${printable(name)}\n` }),
          () => ({}),
        );
      }),
    );

  addApplyFlags(
    policies.command('apply'),
    'policy',
    `Example of a file:
  policy:
    name: plant
    group: OT/line 1
    automatic_isolation: true
    release_delay: 8h
    exclusions:
      - name: jump host
        direction: inbound
        protocol: tcp
        local_ports: [22]
        remote_addresses: [10.0.0.5, 10.1.0.0/24]
      - profile: ntp-client

Example:
  cordon policy export plant > plant.yaml; edit it; cordon policy apply -f plant.yaml`,
  ).action((flags: ApplyFlags, command: Command) =>
    withSession(state, command, (session) => applyPolicy(session, flags)),
  );

  policies
    .command('export')
    .description('print a policy as "apply" reads it: YAML, or JSON with -o json')
    .argument('<policy>', 'name or id')
    .action((name: string, _: unknown, command: Command) =>
      withSession(state, command, async ({ api, printer }) =>
        printForm(printer, exportForm({ kind: 'policy', policy: await readPolicy(api, name) })),
      ),
    );
}

async function listPolicies({ api, printer }: Session): Promise<void> {
  const policies = await readPolicies(api);
  printer.print(
    () => ({
      kind: 'table',
      headings: ['NAME', 'GROUP', 'AUTOMATIC', 'RELEASE DELAY', 'EXCLUSIONS', 'PROFILES', 'ID'],
      rows: policies.map(policyRow),
      empty: 'no policies: devices are never isolated automatically; "cordon policy create" makes one',
    }),
    () => toProtoJson('ListPoliciesResponse', ListPoliciesResponse, { policies, nextPageToken: '' }),
  );
}

function policyRow(policy: Policy): Cell[] {
  return [
    cell(policy.displayName),
    cell(policy.groupPath || 'root'),
    policy.automaticIsolation ? cell('on', 'good') : cell('off'),
    cell(delayText(policy.settings)),
    cell(String(policy.settings?.exclusions.length ?? 0)),
    policy.profileUpdates.length > 0
      ? cell(`newer: ${policy.profileUpdates.map(({ profileId }) => profileId).join(', ')}`, 'waiting')
      : cell('up to date', 'faint'),
    cell(policy.id, 'faint'),
  ];
}

async function showEffective({ api, printer }: Session, device: string): Promise<void> {
  const request = GetEffectivePolicyRequest.fromPartial({ device });
  const response = await api.unary(PolicyServiceService.getEffectivePolicy, request);
  const { policy, explanation } = response;
  printer.print(
    () => ({
      kind: 'sections',
      sections: [
        { kind: 'text', text: `${printable(explanation)}\n` },
        ...(policy ? [policyView(policy)] : []),
      ],
    }),
    () => toProtoJson('GetEffectivePolicyResponse', GetEffectivePolicyResponse, response),
  );
}

async function createPolicy({ api, ...session }: Session, name: string, flags: PolicyFlags): Promise<void> {
  const start = Policy.fromPartial({ displayName: name, groupId: flags.group, settings: defaultSettings() });
  const { policy } = applyPolicyFlags(start, { ...flags, group: undefined });
  const request = CreatePolicyRequest.fromPartial({
    policy,
    requestId: newId(),
    validateOnly: flags.dryRun ?? false,
    allowUnresolvedHosts: flags.allowUnresolvedHosts ?? false,
  });
  const response = await api.unary(PolicyServiceService.createPolicy, request);
  const holder: Holder = { kind: 'policy', policy: response.policy ?? policy };
  printOutcome({ api, ...session }, { ...response, holder, created: true }, flags.dryRun ?? false);
}

async function setPolicy(session: Session, name: string, flags: PolicyFlags): Promise<void> {
  const change = (policy: Policy): ReturnType<typeof applyPolicyFlags> => {
    const changed = applyPolicyFlags(policy, flags);
    requireChange(changed.mask, '--release-delay 4h');
    return changed;
  };
  const outcome = await changePolicy(session, name, change, flags);
  printOutcome(session, outcome, flags.dryRun ?? false);
}

function changePolicy(
  { api }: Session,
  name: string,
  change: (policy: Policy) => { readonly policy: Policy; readonly mask: readonly string[] },
  flags: WriteFlags,
): ReturnType<typeof changeHolder> {
  return changeHolder(
    api,
    { kind: 'policy', name },
    (holder) => {
      if (holder.kind !== 'policy') throw new Error('a policy was asked for');
      const { policy, mask } = change(holder.policy);
      return { holder: { kind: 'policy', policy }, mask };
    },
    { validateOnly: flags.dryRun ?? false, allowUnresolvedHosts: flags.allowUnresolvedHosts ?? false },
  );
}

async function setPassword(
  session: Session,
  name: string,
  flags: { stdin?: boolean; remove?: boolean },
): Promise<void> {
  const passwordHash = flags.remove
    ? ''
    : await hashPassword(await readNewPassword(session.io, flags.stdin ?? false), randomBytes(SALT_BYTES));
  const outcome = await changePolicy(
    session,
    name,
    (policy) => {
      const local = policy.localRelease ?? LocalReleaseSettings.fromPartial({});
      return {
        policy: { ...policy, localRelease: { ...local, passwordHash, hasPassword: passwordHash !== '' } },
        mask: [policy.localRelease ? 'local_release.password_hash' : 'local_release'],
      };
    },
    {},
  );
  printOutcome(session, outcome, false);
  const { holder } = outcome;
  if (passwordHash && holder.kind === 'policy' && holder.policy.localRelease?.administratorWithoutPassword) {
    session.io.stderr.write(
      'note: a local administrator still needs no password; "cordon policy set --administrator-without-password off" changes that\n',
    );
  }
}
