import { Exclusion, ExclusionDirection, type ApplicationMatch } from '../shared/gen/cordon/v1/exclusion.js';

/** What a helper service is called on an operating system. */
export interface HelperRule {
  readonly pattern: RegExp;
  readonly message: string;
}

export function helperRule(platform: NodeJS.Platform): HelperRule {
  return platform === 'win32'
    ? {
        pattern: /^[^/\\\p{Cc}]{1,256}$/u,
        message: 'must be the name of a Windows service, for example W32Time',
      }
    : {
        pattern: /^[\w:.@\\-]{1,255}$/,
        message: 'must be the name of a systemd unit, for example helper.service',
      };
}

/** The agent's own helpers, which may use the network while isolated. @param names systemd units or Windows services */
export function helperExclusions(names: readonly string[], platform: NodeJS.Platform): Exclusion[] {
  return names.map((name) =>
    Exclusion.fromPartial({
      name: `helper service ${name}`.slice(0, 128),
      direction: ExclusionDirection.EXCLUSION_DIRECTION_BOTH,
      application: { target: targetOf(name, platform) },
    }),
  );
}

function targetOf(value: string, platform: NodeJS.Platform): NonNullable<ApplicationMatch['target']> {
  return platform === 'win32' ? { $case: 'windowsService', value } : { $case: 'systemdUnit', value };
}
