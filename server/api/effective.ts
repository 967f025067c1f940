/** Where a policy or a task was looked for, nearest first, and what was found. */
export interface Search {
  /** What is looked for: `policy`, `network-isolation task`. */
  readonly what: string;
  /** Name of the device. */
  readonly device: string;
  /** Paths of the groups from the device's own upwards; '' is the root group. */
  readonly groups: readonly string[];
  /** Path of the group that it was found at; undefined: at none. */
  readonly foundAt: string | undefined;
  /** What was found, as it is called: `the policy "Office"`. */
  readonly found: string;
  /** What holds where none was found. */
  readonly otherwise: string;
}

/** Says in one sentence why something of a group applies to a device. */
export function explainSearch({ what, device, groups, foundAt, found, otherwise }: Search): string {
  const [own = ''] = groups;
  const at = foundAt === undefined ? groups.length : groups.indexOf(foundAt);
  const without = groups.slice(0, at).map((path) => `${groupName(path)} has no ${what}`);
  const outcome = foundAt === undefined ? otherwise : `${found} of ${groupName(foundAt)} applies`;
  return [`${device} is in ${groupName(own)}`, ...without, outcome].join('; ');
}

function groupName(path: string): string {
  return path === '' ? 'the root group' : `group ${path}`;
}
