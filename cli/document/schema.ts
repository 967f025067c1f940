import { z } from 'zod';
import { validateExclusions } from '../../shared/exclusions/validate.js';
import type { ApplicationMatch } from '../../shared/gen/cordon/v1/exclusion.js';
import { Exclusion } from '../../shared/gen/cordon/v1/exclusion.js';
import { isReleaseDelay, parseDuration } from '../../shared/time.js';
import { parseDirection, parsePorts, parseProtocol, WordError } from '../exclusions/words.js';

/** Runs a parser of words inside of a schema. */
function words<Input extends string | number, Value>(parse: (text: string) => Value) {
  return (input: Input, context: z.RefinementCtx<Input>): Value => {
    try {
      return parse(String(input));
    } catch (error) {
      if (!(error instanceof WordError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  };
}

/** What a person reads when a value is not there, or is something else. */
const must = (rule: string) => ({
  error: ({ input }: { readonly input: unknown }) => (input === undefined ? 'is missing' : rule),
});

const BLOCK = must('must be a block of keys and values');
const text = z.string(must('must be a text; put it in quotes'));
const yesOrNo = z.boolean(must('must be true or false'));
const wordOrNumber = (rule: string) => z.union([z.string(), z.number()], must(rule));
const oneOf = <const Words extends readonly string[]>(...choices: Words) =>
  z.enum(choices, must(`must be one of ${choices.join(', ')}`));
const ports = z.array(
  wordOrNumber('must be a port such as 443, or a range such as "8000-8010"').transform(words(parsePorts)),
  must('must be a list, for example [80, 8000-8010]'),
);
const names = z.array(text, must('must be a list of names'));
const addresses = z.array(text, must('must be a list, for example [10.0.0.5, 10.1.0.0/24]'));

/** How long an isolation lasts, milliseconds; 0 = never ends by itself. */
const releaseDelay = wordOrNumber('must be a duration such as 8h').transform(
  words((input) => {
    const ms = parseDuration(input);
    if (ms === undefined) throw new WordError(`"${input}" is not a duration: write 90m, 8h or 7d.`);
    if (!isReleaseDelay(ms)) throw new WordError('must be 0 (never), or 1m to 9999h.');
    return ms;
  }),
);

const rule = z
  .strictObject({
    name: text,
    description: text.optional(),
    disabled: yesOrNo.optional(),
    direction: text.transform(words(parseDirection)).optional(),
    protocol: wordOrNumber('must be a name such as tcp, or a number')
      .transform(words(parseProtocol))
      .optional(),
    local_ports: ports.optional(),
    remote_ports: ports.optional(),
    local_addresses: addresses.optional(),
    remote_addresses: addresses.optional(),
    remote_host: text.optional(),
    systemd_unit: text.optional(),
    cgroup: text.optional(),
    executable_path: text.optional(),
    windows_service: text.optional(),
    source: z
      .strictObject({
        profile_id: text,
        version: z.int(must('must be a whole number')).min(1, 'must be 1 or more'),
      })
      .optional(),
  })
  .transform((form, context): Exclusion => {
    const programs = PROGRAMS.filter((key) => form[key] !== undefined);
    for (const key of programs.slice(1)) {
      context.addIssue({
        code: 'custom',
        path: [key],
        message: `cannot be given together with ${programs[0]}`,
      });
    }
    const exclusion = Exclusion.fromPartial({
      name: form.name,
      description: form.description ?? '',
      disabled: form.disabled ?? false,
      direction: form.direction ?? parseDirection('both'),
      protocol: form.protocol,
      localPorts: form.local_ports ?? [],
      remotePorts: form.remote_ports ?? [],
      localAddresses: form.local_addresses ?? [],
      remoteAddresses: form.remote_addresses ?? [],
      remoteHost: form.remote_host ?? '',
      application: application(form),
      source: form.source && { profileId: form.source.profile_id, version: form.source.version },
    });
    for (const { field, description } of validateExclusions([exclusion], '')) {
      context.addIssue({ code: 'custom', path: fieldPath(field), message: description });
    }
    return exclusion;
  });

const PROGRAMS = ['systemd_unit', 'cgroup', 'executable_path', 'windows_service'] as const;

function application(form: Partial<Record<(typeof PROGRAMS)[number], string>>): ApplicationMatch | undefined {
  const target = ((): ApplicationMatch['target'] => {
    if (form.systemd_unit !== undefined) return { $case: 'systemdUnit', value: form.systemd_unit };
    if (form.cgroup !== undefined) return { $case: 'cgroup', value: form.cgroup };
    if (form.executable_path !== undefined) return { $case: 'executablePath', value: form.executable_path };
    if (form.windows_service !== undefined) return { $case: 'windowsService', value: form.windows_service };
    return undefined;
  })();
  return target && { target };
}

/** `[0].remote_ports[1]` without the index of the list: where it is in this rule. */
function fieldPath(field: string): (string | number)[] {
  return [...field.matchAll(/([a-z_]+)|\[(\d+)\]/g)].slice(1).map(([, name, index]) => name ?? Number(index));
}

/** Every rule of a standard profile. */
const fromProfile = z.strictObject({ profile: text });

/** One entry of a list of exclusions. */
export type ExclusionEntry =
  | { readonly kind: 'rule'; readonly exclusion: Exclusion }
  | { readonly kind: 'profile'; readonly profileId: string };

const entry = z
  .looseObject({}, must('must be a rule with a name, or "profile: ID"'))
  .transform((form, context): ExclusionEntry => {
    const kind = 'profile' in form ? 'profile' : 'rule';
    const result = kind === 'profile' ? fromProfile.safeParse(form) : rule.safeParse(form);
    if (!result.success) {
      for (const issue of result.error.issues) context.issues.push({ ...issue, input: form } as never);
      return z.NEVER;
    }
    return 'profile' in result.data
      ? { kind: 'profile', profileId: result.data.profile }
      : { kind: 'rule', exclusion: result.data };
  });

/** A list of exclusions. */
export const exclusionList = z
  .array(entry, must('must be a list of rules'))
  .superRefine((entries, context) => {
    const seen = new Set<string>();
    entries.forEach((one, index) => {
      const name = one.kind === 'rule' ? one.exclusion.name : `profile ${one.profileId}`;
      if (seen.has(name)) {
        context.addIssue({ code: 'custom', path: [index], message: `"${name}" is there twice` });
      }
      seen.add(name);
    });
    // Each rule has been checked already; what is left concerns the list.
    const rules = entries.flatMap((one) => (one.kind === 'rule' ? [one.exclusion] : []));
    for (const { field, description } of validateExclusions(rules, '')) {
      if (field === '') context.addIssue({ code: 'custom', message: description });
    }
  });

const settings = {
  release_delay: releaseDelay.optional(),
  on_server_loss: oneOf('keep', 'release').optional(),
  server_loss_release_after: releaseDelay.optional(),
  on_unconfirmed: oneOf('keep', 'roll_back').optional(),
  notification_text: text.optional(),
  exclusions: exclusionList.optional(),
};

/** A time that nothing would use is a mistake. */
function checkServerLoss(
  file: {
    readonly on_server_loss?: string | undefined;
    readonly server_loss_release_after?: number | undefined;
  },
  context: z.RefinementCtx,
): void {
  if (file.on_server_loss !== 'keep' || file.server_loss_release_after === undefined) return;
  context.addIssue({
    code: 'custom',
    path: ['server_loss_release_after'],
    message: 'has no meaning with on_server_loss: keep; leave it out, or write release',
  });
}

/** A policy in a file. Keys that are left out keep what the server has. */
export const policyFile = z
  .strictObject(
    {
      name: text,
      group: text.optional(),
      automatic_isolation: yesOrNo.optional(),
      trusted_detectors: names.optional(),
      local_release: z
        .strictObject({
          administrator_without_password: yesOrNo.optional(),
          users: names.optional(),
          password_hash: text.optional(),
        })
        .optional(),
      ...settings,
    },
    BLOCK,
  )
  .superRefine(checkServerLoss);

/** A network-isolation task in a file, of a device or of a group. */
export const taskFile = z
  .strictObject({ device: text.optional(), group: text.optional(), ...settings }, BLOCK)
  .refine(({ device, group }) => (device === undefined) !== (group === undefined), {
    error: 'needs either "device" or "group"',
  })
  .superRefine(checkServerLoss);

export type PolicyFile = z.output<typeof policyFile>;
export type TaskFile = z.output<typeof taskFile>;
export type SettingsFile = Pick<PolicyFile, keyof typeof settings>;
