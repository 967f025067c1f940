import type koffiModule from 'koffi';
import { Verdict, type LoginAnswer } from './verdict.js';

/** Name of the service: /etc/pam.d/cordon-agent, or /etc/pam.d/other where there is none. */
const SERVICE = 'cordon-agent';

// <security/_pam_types.h>
const PAM_SUCCESS = 0;
const PAM_CONV_ERR = 19;
const PAM_PROMPT_ECHO_OFF = 1;
const PAM_ERROR_MSG = 3;
const PAM_TEXT_INFO = 4;
const PAM_DISALLOW_NULL_AUTHTOK = 0x1;

/** The system itself is at fault, not the password: open, symbol, service, system, buffer, cred, authinfo, abort. */
const TROUBLE = new Set([1, 2, 3, 4, 5, 9, 14, 15, 17, 26]);

type Pointer = bigint | null;
interface Pam {
  start(service: string, user: string, conversation: object, handle: [Pointer]): number;
  authenticate(handle: Pointer, flags: number): number;
  account(handle: Pointer, flags: number): number;
  end(handle: Pointer, status: number): number;
  explain(handle: Pointer, status: number): string;
}
interface Message {
  readonly msg_style: number;
}

/**
 * Asks PAM whether a password is the one that a user logs in with and whether the account is in order. Blocks: for a
 * process of its own.
 * @throws Error where there is no PAM
 */
export async function authenticate(user: string, password: string): Promise<LoginAnswer> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const calloc = libc.func('void *calloc(size_t count, size_t size)') as unknown as (
    count: number,
    size: number,
  ) => Pointer;
  const strdup = libc.func('void *strdup(const char *text)') as unknown as (text: string) => Pointer;
  koffi.struct('pam_message', { msg_style: 'int', msg: 'const char *' });
  const response = koffi.struct('pam_response', { resp: 'void *', resp_retcode: 'int' });
  const callback = koffi.pointer(
    koffi.proto('int pam_conversation(int count, void *messages, void *answers, void *data)'),
  );
  koffi.struct('pam_conv', { conv: callback, appdata_ptr: 'void *' });
  const pam = loadPam(koffi);

  let asked = 0;
  const converse = (count: number, messages: Pointer, answers: Pointer): number => {
    const list = koffi.decode(messages, koffi.array('void *', count)) as Pointer[];
    // PAM frees what it is given, so it has to come from its own allocator.
    const given = calloc(count, koffi.sizeof(response));
    for (const [index, each] of list.entries()) {
      const { msg_style: style } = koffi.decode(each, 'pam_message') as Message;
      if (style === PAM_TEXT_INFO || style === PAM_ERROR_MSG) continue;
      // A second secret, or one that may be seen, is not the password.
      asked += 1;
      if (style !== PAM_PROMPT_ECHO_OFF || asked > 1) return PAM_CONV_ERR;
      const answer = { resp: strdup(password), resp_retcode: 0 };
      koffi.encode(given, index * koffi.sizeof(response), response, answer);
    }
    koffi.encode(answers, 'void *', given);
    return PAM_SUCCESS;
  };
  const registered = koffi.register(converse, callback);

  const out: [Pointer] = [null];
  const started = pam.start(SERVICE, user, { conv: registered, appdata_ptr: null }, out);
  if (started !== PAM_SUCCESS) return { verdict: Verdict.TROUBLE, why: `PAM does not start (${started})` };
  const [handle] = out;
  let status = pam.authenticate(handle, PAM_DISALLOW_NULL_AUTHTOK);
  if (status === PAM_SUCCESS) status = pam.account(handle, PAM_DISALLOW_NULL_AUTHTOK);
  const why = pam.explain(handle, status);
  pam.end(handle, status);
  if (status === PAM_SUCCESS) return { verdict: Verdict.FITS, why };
  return { verdict: TROUBLE.has(status) ? Verdict.TROUBLE : Verdict.REFUSED, why };
}

function loadPam(koffi: typeof koffiModule): Pam {
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load('libpam.so.0');
  } catch {
    throw new Error(
      'libpam.so.0 is not on this computer; install it (libpam0g), or use the password of the policy',
    );
  }
  const call = (prototype: string): unknown => library.func(prototype);
  return {
    start: call(
      'int pam_start(const char *service, const char *user, const pam_conv *conversation, _Out_ void **handle)',
    ),
    authenticate: call('int pam_authenticate(void *handle, int flags)'),
    account: call('int pam_acct_mgmt(void *handle, int flags)'),
    end: call('int pam_end(void *handle, int status)'),
    explain: call('const char *pam_strerror(void *handle, int status)'),
  } as Pam;
}
