import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { z } from 'zod';
import { changeLines, diffForms } from '../../../../cli/document/diff.js';
import { exactDuration, policyForm, taskForm } from '../../../../cli/document/form.js';
import { mergePolicy, mergeTask } from '../../../../cli/document/merge.js';
import { readDocument } from '../../../../cli/document/read.js';
import { policyFile, taskFile } from '../../../../cli/document/schema.js';
import { jsonText, yamlText } from '../../../../cli/document/write.js';
import { CliError } from '../../../../cli/exit.js';
import { standardProfiles } from '../../../../shared/exclusions/profiles.js';
import { validateExclusions } from '../../../../shared/exclusions/validate.js';
import { Exclusion } from '../../../../shared/gen/cordon/v1/exclusion.js';
import { Policy } from '../../../../shared/gen/cordon/v1/policy.js';
import { NetworkIsolationTask } from '../../../../shared/gen/cordon/v1/task.js';
import { packageRoot } from '../../../../shared/package-root.js';
import { parseDuration, toDuration } from '../../../../shared/time.js';

const policySchema = z.strictObject({ policy: policyFile });
const taskSchema = z.strictObject({ task: taskFile });

const name = (max: number): fc.Arbitrary<string> =>
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: max });
const port = fc
  .tuple(fc.nat(65_535), fc.nat(65_535))
  .map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
const address = fc.oneof(
  fc.ipV4(),
  fc.nat(255).map((octet) => `10.${octet}.0.0/16`),
  fc.constantFrom('::1', '2001:db8::', '2001:db8::/32', '10.0.0.1-10.0.0.9', 'fe80::1-fe80::ff'),
);
const application: fc.Arbitrary<Exclusion['application']> = fc.option(
  fc.constantFrom(
    { target: { $case: 'systemdUnit' as const, value: 'chrony.service' } },
    { target: { $case: 'cgroup' as const, value: 'system.slice/a: b' } },
    { target: { $case: 'executablePath' as const, value: 'C:\\Program Files\\a b.exe' } },
    { target: { $case: 'windowsService' as const, value: 'Dnscache' } },
  ),
  { nil: undefined },
);

const rule: fc.Arbitrary<Exclusion> = fc
  .record({
    name: name(60),
    description: fc.string({ unit: 'grapheme', maxLength: 100 }),
    disabled: fc.boolean(),
    direction: fc.constantFrom(1, 2, 3),
    protocol: fc.option(fc.nat(255), { nil: undefined }),
    ports: fc.constantFrom(6, 17),
    localPorts: fc.array(port, { maxLength: 4 }),
    remotePorts: fc.array(port, { maxLength: 4 }),
    localAddresses: fc.array(address, { maxLength: 3 }),
    remoteAddresses: fc.array(address, { maxLength: 3 }),
    host: fc.boolean(),
    application,
    source: fc.option(
      fc.record({ profileId: fc.constantFrom('dns-client', 'x'), version: fc.integer({ min: 1, max: 9 }) }),
      {
        nil: undefined,
      },
    ),
  })
  .map(({ ports, host, ...form }) =>
    Exclusion.fromPartial({
      ...form,
      protocol: form.localPorts.length + form.remotePorts.length > 0 ? ports : form.protocol,
      remoteAddresses: host ? [] : form.remoteAddresses,
      remoteHost: host ? 'ntp.example.org' : '',
    } as never),
  )
  .filter((one) => validateExclusions([one], '').length === 0);

const settings = fc
  .record({
    exclusions: fc.uniqueArray(rule, { maxLength: 5, selector: (one) => one.name }),
    delay: fc.oneof(fc.constant(0), fc.integer({ min: 60_000, max: 9999 * 3_600_000 })),
    notificationText: fc.string({ unit: 'grapheme', maxLength: 200 }),
    onServerLoss: fc.constantFrom(1, 2),
    after: fc.integer({ min: 60_000, max: 9999 * 3_600_000 }),
    onUnconfirmed: fc.constantFrom(0, 1, 2),
  })
  .map(({ delay, after, ...form }) => ({
    ...form,
    releaseDelay: toDuration(delay),
    serverLossReleaseAfter: form.onServerLoss === 2 ? toDuration(after) : undefined,
  }));

const policies: fc.Arbitrary<Policy> = fc
  .record({
    displayName: name(60),
    groupPath: fc.constantFrom('', 'OT', 'OT/line 1', 'a: b/#c'),
    automaticIsolation: fc.boolean(),
    settings,
    trustedDetectors: fc.array(name(20), { maxLength: 3 }),
    localRelease: fc.option(
      fc.record({
        administratorWithoutPassword: fc.boolean(),
        users: fc.array(name(20), { maxLength: 3 }),
        passwordHash: fc.constantFrom('', '$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA'),
      }),
      { nil: undefined },
    ),
  })
  .map((form) => Policy.fromPartial(form as never));

const read = (text: string) => readDocument(text, 'file', policySchema).policy;
const fresh = (): Policy => Policy.fromPartial({ localRelease: { administratorWithoutPassword: false } });

describe('the document of a policy', () => {
  it('says the same after it was written and read, as YAML and as JSON, and changes nothing', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        const form = policyForm(policy);
        for (const text of [yamlText({ policy: form }), jsonText({ policy: form })]) {
          const same = mergePolicy(policy, read(text), []);
          expect(diffForms(form, policyForm(same))).to.deep.equal([]);
          const made = mergePolicy(fresh(), read(text), []);
          expect(yamlText(policyForm(made))).to.equal(yamlText(form));
        }
      }),
      { numRuns: 100 },
    );
  });

  it('turns any policy into any other one, exactly', () => {
    fc.assert(
      fc.property(policies, policies, (from, to) => {
        const file = read(yamlText({ policy: policyForm(to) }));
        const merged = policyForm(mergePolicy(from, file, []));
        expect(diffForms(merged, policyForm(to))).to.deep.equal([]);
      }),
      { numRuns: 100 },
    );
  });

  it('of a task does the same', () => {
    fc.assert(
      fc.property(settings, fc.constantFrom('deviceId', 'groupId'), (value, kind) => {
        const task = NetworkIsolationTask.fromPartial({
          scope: { target: { $case: kind as 'deviceId', value: 'laptop 7' } },
          settings: value as never,
        });
        const form = taskForm(task);
        const file = readDocument(yamlText({ task: form }), 'file', taskSchema).task;
        const made = mergeTask(NetworkIsolationTask.fromPartial({ scope: task.scope }), file, []);
        expect(yamlText(taskForm(made))).to.equal(yamlText(form));
      }),
      { numRuns: 100 },
    );
  });

  it('keeps what a file leaves out', () => {
    const policy = Policy.fromPartial({
      displayName: 'plant',
      groupPath: 'OT',
      automaticIsolation: true,
      settings: { notificationText: 'Call 4711', exclusions: [{ name: 'ssh' }] },
      localRelease: { passwordHash: '$scrypt$x', hasPassword: true, users: ['ops'] },
    });
    const merged = mergePolicy(policy, read('policy: { name: plant, release_delay: 4h }'), []);
    expect(changeLines(diffForms(policyForm(policy), policyForm(merged)))).to.deep.equal([
      '~ release_delay: 8h → 4h',
    ]);
  });

  it('does not take a password away that the reader may not see', () => {
    const seen = Policy.fromPartial({ displayName: 'p', localRelease: { hasPassword: true } });
    expect(yamlText(policyForm(seen))).not.to.contain('password_hash');
  });

  it('names what comes, goes and changes, exclusions by their names', () => {
    const from = read(
      'policy: { name: p, exclusions: [{ name: a }, { name: b, protocol: tcp, remote_ports: [80] }] }',
    );
    const to = read(
      'policy: { name: p, automatic_isolation: true, exclusions: [{ name: c, direction: in, protocol: udp }, { name: b, protocol: tcp, remote_ports: [80, 8000-8010] }] }',
    );
    const form = (file: typeof to) => policyForm(mergePolicy(fresh(), file, []));
    expect(changeLines(diffForms(form(from), form(to)))).to.deep.equal([
      '~ automatic_isolation: false → true',
      '- exclusion "a": direction both, protocol any',
      '+ exclusion "c": direction inbound, protocol udp',
      '~ exclusion "b": remote_ports: 80 → 80,8000-8010',
    ]);
  });

  it('does not show the hash of a password', () => {
    const to = read('policy: { name: p, local_release: { password_hash: "$scrypt$secret" } }');
    const lines = changeLines(diffForms(policyForm(fresh()), policyForm(mergePolicy(fresh(), to, []))));
    expect(lines.join()).to.contain('password: another one').and.not.to.contain('secret');
  });

  it('takes "profile: ID" for the rules that are there already, and for the newest ones where there are none', () => {
    const profiles = standardProfiles();
    const file = read('policy: { name: p, exclusions: [{ profile: dns-client }, { name: x }] }');
    const newest = mergePolicy(fresh(), file, profiles).settings?.exclusions.map((one) => one.name);
    expect(newest).to.deep.equal(['DNS queries (UDP)', 'DNS queries (TCP)', 'x']);
    const old = Policy.fromPartial({
      settings: { exclusions: [{ name: 'old DNS', source: { profileId: 'dns-client', version: 1 } }] },
    });
    const kept = mergePolicy(old, file, profiles).settings?.exclusions.map((one) => one.name);
    expect(kept).to.deep.equal(['old DNS', 'x']);
    const wrong = read('policy: { name: p, exclusions: [{ profile: dns-cleint }] }');
    expect(() => mergePolicy(fresh(), wrong, profiles)).to.throw(CliError, 'dns-cleint');
  });
});

it('the file in docs/cli.md is taken as it stands there', () => {
  const page = readFileSync(join(packageRoot, 'docs', 'cli.md'), 'utf8');
  const [, example = ''] = /```yaml\n([^]*?)```/.exec(page) ?? [];
  const merged = mergePolicy(fresh(), read(example), standardProfiles());
  expect(merged.settings?.exclusions.map((one) => one.name)).to.include.members(['jump host', 'clock']);
});

describe('a file that is wrong', () => {
  const block = (line: string): string => `policy:\n  name: p\n${line}\n`;
  const inRule = (line: string): string =>
    block(`  exclusions:\n    - name: a\n      protocol: tcp\n      ${line}`);
  for (const [text, ...named] of [
    ['policy: [', 'neither YAML nor JSON', 'line 1'],
    ['policy:\n  name: p\n  name: q', 'unique', 'line 3'],
    ['{}', 'policy', 'is missing'],
    ['policy: { group: OT }', 'policy.name (line 1): is missing'],
    [block('  relase_delay: 8h'), 'policy.relase_delay (line 3): is not a key'],
    [block('  release_delay: 8 hours'), 'policy.release_delay (line 3)', '8h'],
    [block('  release_delay: 30s'), 'policy.release_delay (line 3)', '1m to 9999h'],
    [block('  automatic_isolation: "on"'), 'policy.automatic_isolation (line 3): must be true or false'],
    [block('  on_server_loss: open'), 'policy.on_server_loss (line 3): must be one of keep, release'],
    [block('  on_server_loss: keep\n  server_loss_release_after: 1h'), 'server_loss_release_after (line 4)'],
    [block('  on_unconfirmed: yes'), 'policy.on_unconfirmed (line 3): must be one of keep, roll_back'],
    [block('  notification_text: 12'), 'policy.notification_text (line 3)', 'quotes'],
    [block('  trusted_detectors: edr'), 'policy.trusted_detectors (line 3): must be a list'],
    [
      block('  local_release:\n    pasword_hash: x'),
      'policy.local_release.pasword_hash (line 4): is not a key',
    ],
    [block('  exclusions: all'), 'policy.exclusions (line 3): must be a list of rules'],
    [block('  exclusions:\n    - ssh'), 'policy.exclusions[0] (line 4)', 'profile: ID'],
    [block('  exclusions:\n    - protocol: tcp'), 'policy.exclusions[0].name', 'line 4', 'is missing'],
    [
      block('  exclusions:\n    - name: a\n    - name: a'),
      'policy.exclusions[1] (line 5): "a" is there twice',
    ],
    [inRule('direction: up'), 'policy.exclusions[0].direction (line 6)', 'inbound'],
    [inRule('protcol: udp'), 'policy.exclusions[0].protcol (line 6): is not a key'],
    [inRule('remote_ports: 80'), 'policy.exclusions[0].remote_ports (line 6): must be a list'],
    [inRule('remote_ports: [80, 70000]'), 'policy.exclusions[0].remote_ports[1] (line 6)', '65535'],
    [inRule('local_ports: [90-80]'), 'policy.exclusions[0].local_ports[0] (line 6)', '80-90'],
    [inRule('remote_addresses: [10.0.0.1/8]'), 'remote_addresses[0] (line 6)', '10.0.0.0/8'],
    [inRule('remote_addresses: ["10.0.0.1-fe80::1"]'), 'remote_addresses[0] (line 6)', 'mixes IPv4 and IPv6'],
    [inRule('remote_host: "a b"'), 'remote_host (line 6)', 'not a host name'],
    [
      inRule('systemd_unit: a\n      cgroup: b'),
      'cgroup (line 7): cannot be given together with systemd_unit',
    ],
    [inRule('source: { profile_id: x, version: 0 }'), 'source.version (line 6)', '1 or more'],
    [
      'policy: { name: p, exclusions: [{ name: a, protocol: 300 }] }',
      'exclusions[0].protocol (line 1)',
      '255',
    ],
    ['policy: { name: p, exclusions: [{ name: a, remote_ports: [80] }] }', 'remote_ports', 'TCP'],
  ] as const) {
    it(`is refused with path, line and rule: ${JSON.stringify(text)}`, () => {
      try {
        readDocument(text, 'plant.yaml', policySchema);
      } catch (error) {
        expect(error).to.be.instanceOf(CliError);
        const { message, exitCode } = error as CliError;
        expect(exitCode).to.equal(2);
        expect(message).to.match(/^plant.yaml: /);
        for (const part of named) expect(message).to.contain(part);
        return;
      }
      expect.fail('was taken');
    });
  }

  it('of a task needs a device or a group, and not both', () => {
    for (const text of ['task: {}', 'task: { device: a, group: b }']) {
      expect(() => readDocument(text, 'f', taskSchema)).to.throw(CliError, 'either "device" or "group"');
    }
  });
});

it('a duration in a document has nothing rounded away', () => {
  fc.assert(fc.property(fc.nat(9999 * 3_600_000), (ms) => parseDuration(exactDuration(ms)) === ms));
  expect(exactDuration(9999 * 3_600_000)).to.equal('9999h');
});
