/* Sessions and transactions. */
#include "bfe.h"

static void describe_user(struct session *s) {
  HANDLE token;
  union {
    TOKEN_USER user;
    BYTE bytes[256];
  } info;
  DWORD size = 0;
  if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
    if (GetTokenInformation(token, TokenUser, &info, sizeof info, &size)) {
      DWORD length = GetLengthSid(info.user.User.Sid);
      if (length <= sizeof s->sid) memcpy(s->sid, info.user.User.Sid, length);
    }
    CloseHandle(token);
  }
  DWORD room = ARRAYSIZE(s->username);
  if (!GetUserNameW(s->username, &room)) s->username[0] = 0;
}

static struct session *free_session(void) {
  for (struct session *s = shared->sessions; s < shared->sessions + MAX_SESSIONS; s++) {
    if (s->id == 0) return s;
  }
  return NULL;
}

static DWORD open_engine(struct call *c, const FWPM_SESSION0 *wanted, HANDLE *engine) {
  if (shared->phase != PHASE_RUNNING) return EPT_S_NOT_REGISTERED;
  reap(TRUE);
  struct session *s = free_session();
  if (s == NULL) return ERROR_NOT_ENOUGH_MEMORY;
  struct process *own = this_process();
  memset(s, 0, sizeof *s);
  s->id = shared->next_id++;
  s->epoch = shared->epoch;
  s->pid = own->pid;
  s->started = own->started;
  if (wanted != NULL) {
    s->flags = wanted->flags;
    s->timeout = wanted->txnWaitTimeoutInMSec;
    s->key = wanted->sessionKey;
    if (wanted->displayData.name != NULL) wcsncpy(s->name, wanted->displayData.name, ARRAYSIZE(s->name) - 1);
    if (wanted->displayData.description != NULL)
      wcsncpy(s->description, wanted->displayData.description, ARRAYSIZE(s->description) - 1);
  }
  if (IsEqualGUID(&s->key, &GUID_NULL)) UuidCreate(&s->key);
  describe_user(s);
  *engine = (HANDLE)(UINT_PTR)s->id;
  arguments(c, "session %llu", (unsigned long long)s->id);
  start_pump();
  write_dump();
  return 0;
}

DWORD WINAPI FwpmEngineOpen0(const wchar_t *server, UINT32 authentication, SEC_WINNT_AUTH_IDENTITY_W *identity,
                             const FWPM_SESSION0 *session, HANDLE *engine) {
  if (null_mode) {
    *engine = (HANDLE)1;
    return 0;
  }
  struct call c;
  DWORD result = enter(&c, F_FwpmEngineOpen0, NO_ENGINE);
  (void)identity;
  if (!result && engine == NULL) result = FWP_E_NULL_POINTER;
  if (!result && server != NULL) result = ERROR_NOT_SUPPORTED;
  if (!result && authentication != RPC_C_AUTHN_WINNT && authentication != (UINT32)RPC_C_AUTHN_DEFAULT)
    result = FWP_E_INVALID_PARAMETER;
  if (!result && session != NULL && (session->flags & ~FWPM_SESSION_FLAG_DYNAMIC) != 0) result = FWP_E_INVALID_FLAGS;
  if (!result) result = open_engine(&c, session, engine);
  return leave(&c, result);
}

DWORD WINAPI FwpmEngineClose0(HANDLE engine) {
  if (null_mode) return 0;
  struct call c;
  DWORD result = enter(&c, F_FwpmEngineClose0, engine);
  if (!result) {
    UINT64 id = c.session->id;
    drop_subscriptions(id);
    /* The callbacks that were waited for may have ended it. */
    c.session = session_of(id);
    if (c.session != NULL) session_end(c.session);
    c.session = NULL;
    write_dump();
  }
  return leave(&c, result);
}

DWORD WINAPI FwpmTransactionBegin0(HANDLE engine, UINT32 flags) {
  if (null_mode) return 0;
  struct call c;
  DWORD result = enter(&c, F_FwpmTransactionBegin0, engine);
  arguments(&c, flags & FWPM_TXN_READ_ONLY ? "read" : "write");
  if (!result && (flags & ~FWPM_TXN_READ_ONLY) != 0) result = FWP_E_INVALID_FLAGS;
  if (!result) result = begin(&c, (flags & FWPM_TXN_READ_ONLY) == 0);
  return leave(&c, result);
}

DWORD WINAPI FwpmTransactionCommit0(HANDLE engine) {
  if (null_mode) return 0;
  struct call c;
  DWORD result = enter(&c, F_FwpmTransactionCommit0, engine);
  if (!result) result = finish(&c, TRUE);
  return leave(&c, result);
}

DWORD WINAPI FwpmTransactionAbort0(HANDLE engine) {
  if (null_mode) return 0;
  struct call c;
  DWORD result = enter(&c, F_FwpmTransactionAbort0, engine);
  if (!result) result = finish(&c, FALSE);
  return leave(&c, result);
}
