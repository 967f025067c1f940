import type { ServiceCommand } from './unit-text.js';

/** A service, whatever starts it. What is not known is undefined. */
export interface Service {
  /** Its name, and others that it has. */
  readonly names: readonly string[];
  readonly title: string | undefined;
  readonly description: string | undefined;
  readonly commands: readonly ServiceCommand[];
  /** systemd's word: `enabled`, `disabled`, `static`, `masked` ... */
  readonly mode: string | undefined;
  /** `simple`, `forking` ...; `sysv` for a script in /etc/init.d. */
  readonly type: string | undefined;
  readonly user: string | undefined;
  /** systemd's words, for example `active` and `running`. */
  readonly status: readonly string[];
  readonly pid: number | undefined;
}

/** Settings of a unit whose values are commands, in the order in which they run. */
export const COMMAND_SETTINGS = [
  'ExecCondition',
  'ExecStartPre',
  'ExecStart',
  'ExecStartPost',
  'ExecReload',
  'ExecStop',
  'ExecStopPost',
] as const;

/** `ssh.service` is known as `ssh` too. */
export function serviceNames(units: readonly string[]): string[] {
  return units.flatMap((unit) => [unit, unit.replace(/\.service$/, '')]);
}
