import type { DisableIsolationRequest } from '../../shared/gen/cordon/v1/local_service.js';
import type { LocalReleaseSettings } from '../../shared/gen/cordon/v1/policy.js';

/** What has to hold before a release at the device is carried out. */
export type Demand =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'policy-password'; readonly hash: string }
  | { readonly kind: 'login-password'; readonly user: string }
  /** It cannot be granted, whatever the password is. */
  | { readonly kind: 'refused'; readonly why: string };

/** Whether somebody who gives no password is refused. */
export function passwordRequired(settings: LocalReleaseSettings | undefined): boolean {
  return settings !== undefined && !settings.administratorWithoutPassword;
}

/**
 * What the policy asks of a local administrator who wants to release (policy.proto, LocalReleaseSettings). Whatever is
 * given is checked, also where nothing is needed: a wrong password is never as good as none.
 * @param settings absent: nothing is needed
 */
export function demandOf(
  settings: LocalReleaseSettings | undefined,
  { login, password }: DisableIsolationRequest,
): Demand {
  if (login === '' && password === '') {
    if (!passwordRequired(settings)) return { kind: 'nothing' };
    return { kind: 'refused', why: 'a password is needed, and none was given' };
  }
  // An account without a password proves nothing.
  if (password === '') return { kind: 'refused', why: 'a user needs the password that goes with it' };
  if (login !== '') {
    if (settings?.users.includes(login)) return { kind: 'login-password', user: login };
    return { kind: 'refused', why: `the policy does not list the user ${login}` };
  }
  if (settings && settings.passwordHash !== '')
    return { kind: 'policy-password', hash: settings.passwordHash };
  return { kind: 'refused', why: 'the policy sets no password, so none is accepted' };
}
