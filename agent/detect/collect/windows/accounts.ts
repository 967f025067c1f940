import { AccountNames } from '../../../windows/token-names.js';

/** Names that accounts have on this computer, each asked for once: a domain may have to be asked, two seconds at most. */
export class Accounts {
  private readonly names = new AccountNames();
  private readonly known = new Map<string, Promise<readonly string[]>>();

  /** `DOMAIN\user` and `user`; none where Windows does not name the account. @param sid for example `S-1-5-18` */
  namesOf(sid: string): Promise<readonly string[]> {
    let names = this.known.get(sid);
    if (!names) {
      names = this.names.nameOf(sid).then((name) => (name === sid ? [] : withoutDomain(name)));
      this.known.set(sid, names);
    }
    return names;
  }
}

function withoutDomain(name: string): string[] {
  const short = name.slice(name.lastIndexOf('\\') + 1);
  return short === name ? [name] : [name, short];
}
