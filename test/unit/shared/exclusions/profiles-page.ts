import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../../../shared/package-root.js';
import { PROFILE_DATA } from '../../../../shared/exclusions/profiles/all.js';
import {
  IN,
  TCP,
  type PortData,
  type ProfileData,
  type RuleData,
} from '../../../../shared/exclusions/profiles/profile-data.js';

/** docs/profiles.md, made from the data. Run as a program, it writes the page. */

export const PAGE = join(packageRoot, 'docs', 'profiles.md');

const INTRODUCTION = `# Standard profiles

Sets of exclusions for the roles of a computer. The four default profiles are in force until somebody sets other exclusions;
the others are copied into a policy or a network-isolation task where they are needed. This page is made from
\`shared/exclusions/profiles/\`, and a test fails when the two differ.

- **in**: the other side opens the connection to a port of this computer; **out**: this computer opens it to a port of the
  other side. Replies pass by themselves. An address that is not given is any address: **narrow it where you can**, to your
  domain controllers, your proxy, your jump host.
- A copied rule remembers its profile and version. Its name, its description and whether it is disabled may be changed;
  with any other edit it becomes a custom rule, which no update touches.
- A newer version of a profile is offered, never applied by itself. Applying it replaces the copies in their places, adds
  what is new and drops what is gone. A rule that somebody took out or edited does not come back, a disabled one stays
  disabled, and what is new to a profile that is disabled as a whole comes disabled.
- Adding a profile appends the rules of which the list has no copy. A name that is taken gets a number.
- Rules for one program pass on platforms that can tell programs in that way; elsewhere they are reported as unsupported and
  stay blocked.
`;

function port(data: PortData): string {
  return typeof data === 'number' ? String(data) : `${data[0]}-${data[1]}`;
}

function ports(rule: RuleData): string {
  const side = (name: string, data: readonly PortData[] | undefined): string[] =>
    data ? [`${name} ${data.map(port).join(', ')}`] : [];
  return [...side('own', rule.local), ...side('remote', rule.remote)].join('; ');
}

function restrictions({ remoteAddresses, windowsService }: RuleData): string {
  const parts = [...(remoteAddresses ?? []), ...(windowsService ? [`service \`${windowsService}\``] : [])];
  return parts.length === 0 ? 'any' : parts.join(', ');
}

function row(rule: RuleData): string {
  const cells = [
    rule.name,
    rule.direction === IN ? 'in' : 'out',
    rule.protocol === TCP ? 'TCP' : 'UDP',
    ports(rule),
    restrictions(rule),
    rule.source,
  ];
  return `| ${cells.join(' | ')} |`;
}

function section({ id, displayName, description, isDefault, versions }: ProfileData): string {
  const tables = versions.map(({ change, rules }, index) =>
    [
      `Version ${index + 1}${change ? `: ${change}` : ''}`,
      '',
      '| rule | direction | protocol | ports | remote address or program | source |',
      '|---|---|---|---|---|---|',
      ...rules.map(row),
    ].join('\n'),
  );
  const heading = `### ${displayName} (\`${id}\`)`;
  return [heading, `${description}${isDefault ? ' On by default.' : ''}`, ...tables.reverse()].join('\n\n');
}

export function profilesPage(): string {
  const overview = [
    '| id | name | version | default |',
    '|---|---|---|---|',
    ...PROFILE_DATA.map(
      ({ id, displayName, versions, isDefault }) =>
        `| \`${id}\` | ${displayName} | ${versions.length} | ${isDefault ? 'yes' : 'no'} |`,
    ),
  ].join('\n');
  const parts = [INTRODUCTION.trimEnd(), '## Overview', overview, '## Rules', ...PROFILE_DATA.map(section)];
  return `${parts.join('\n\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, profilesPage());
