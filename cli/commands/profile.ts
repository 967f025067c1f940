import type { Command } from 'commander';
import { ExclusionProfile } from '../../shared/gen/cordon/v1/exclusion.js';
import { ListExclusionProfilesResponse } from '../../shared/gen/cordon/v1/policy_service.js';
import { toProtoJson } from '../../shared/proto-json.js';
import { CliError, ExitCode } from '../exit.js';
import { withSession, type RunState, type Session } from '../session/session.js';
import { readProfiles } from '../settings/profiles.js';
import { exclusionsView } from '../view/settings.js';
import { cell } from '../view/table.js';

/** `cordon profile ...` */
export function addProfileCommands(program: Command, state: RunState): void {
  const profiles = program
    .command('profile')
    .description('standard profiles that exclusions are copied from');

  profiles
    .command('list')
    .description('list standard profiles')
    .action((_: unknown, command: Command) => withSession(state, command, listProfiles));

  profiles
    .command('show')
    .description('show the rules of a profile, and where each port comes from')
    .argument('<id>', 'id as "list" shows it')
    .action((id: string, _: unknown, command: Command) =>
      withSession(state, command, (session) => showProfile(session, id)),
    );
}

async function listProfiles({ api, printer }: Session): Promise<void> {
  const exclusionProfiles = await readProfiles(api);
  printer.print(
    () => ({
      kind: 'table',
      headings: ['ID', 'VERSION', 'RULES', 'DEFAULT', 'NAME', 'FOR'],
      rows: exclusionProfiles.map((profile) => [
        cell(profile.id),
        cell(String(profile.version)),
        cell(String(profile.exclusions.length)),
        profile.isDefault ? cell('yes', 'good') : cell('no', 'faint'),
        cell(profile.displayName),
        cell(profile.description),
      ]),
      empty: 'no profiles',
    }),
    () => toProtoJson('ListExclusionProfilesResponse', ListExclusionProfilesResponse, { exclusionProfiles }),
  );
}

async function showProfile({ api, printer }: Session, id: string): Promise<void> {
  const profile = (await readProfiles(api)).find((one) => one.id === id);
  if (!profile) {
    throw new CliError(
      ExitCode.REFUSED,
      `there is no profile "${id}"`,
      '"cordon profile list" shows the ids',
    );
  }
  printer.print(
    () => ({
      kind: 'sections',
      sections: [
        {
          kind: 'fields',
          fields: [
            ['Profile', cell(profile.id)] as const,
            ['Name', cell(profile.displayName)] as const,
            ['For', cell(profile.description || '-')] as const,
            ['Version', cell(String(profile.version))] as const,
            ...(profile.change ? [['Change', cell(profile.change)] as const] : []),
            ...profile.references.map((reference) => ['Source', cell(reference)] as const),
          ],
        },
        exclusionsView(profile.exclusions),
      ],
    }),
    () => toProtoJson('ExclusionProfile', ExclusionProfile, profile),
  );
}
