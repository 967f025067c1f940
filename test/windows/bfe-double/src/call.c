/* What every call has in common: faults, the session, the lock of transactions, the journal. */
#include "bfe.h"
#include <stdarg.h>

#define DEFAULT_WAIT_MS 15000u
#define POLL_MS 2

const char *const function_names[] = {
#define NAME(f) #f,
    FUNCTIONS(NAME)
#undef NAME
        "*"};

/* Transactions of this process. What they have changed is nobody else's business before they commit. */
struct transaction {
  UINT64 session;
  struct state *state;
  struct transaction *next;
};
static struct transaction *transactions;

static struct transaction *transaction_of(const struct session *s) {
  struct transaction *t = transactions;
  while (t != NULL && t->session != s->id) t = t->next;
  return t;
}

void forget_transaction(UINT64 session) {
  for (struct transaction **at = &transactions; *at != NULL; at = &(*at)->next) {
    struct transaction *t = *at;
    if (t->session != session) continue;
    *at = t->next;
    state_free(t->state);
    free(t);
    return;
  }
}

const char *guid_text(const GUID *g, char *text) {
  snprintf(text, 37, "%08lx-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", g->Data1, g->Data2, g->Data3, g->Data4[0],
           g->Data4[1], g->Data4[2], g->Data4[3], g->Data4[4], g->Data4[5], g->Data4[6], g->Data4[7]);
  return text;
}

void arguments(struct call *c, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(c->arguments, sizeof c->arguments, format, list);
  va_end(list);
}

/* The fault that this call meets, if any. */
static DWORD meet_faults(struct call *c) {
  for (struct fault *f = shared->faults; f < shared->faults + MAX_FAULTS; f++) {
    /* What returns nothing cannot fail. */
    BOOL any = f->function == F_ANY && c->function != F_FwpmFreeMemory0;
    if (f->kind == FAULT_NONE || (f->function != c->function && !any)) continue;
    if (f->skip > 0) {
      f->skip--;
      continue;
    }
    struct fault met = *f;
    if (--f->times == 0) f->kind = FAULT_NONE;
    shared->dirty = 1;
    if (met.kind == FAULT_FAIL) return met.value;
    if (met.kind == FAULT_FAIL_AFTER) c->after = met.value;
    if (met.kind == FAULT_DELAY) {
      unlock();
      Sleep(met.value);
      lock();
    }
  }
  return 0;
}

/* Puts the session of `engine` into `c`. */
static DWORD find_session(struct call *c, UINT64 engine) {
  if (shared->phase != PHASE_RUNNING) return EPT_S_NOT_REGISTERED;
  c->session = session_of(engine);
  if (c->session == NULL || c->session->pid != GetCurrentProcessId() || c->session->epoch != shared->epoch) {
    c->session = NULL;
    return ERROR_INVALID_HANDLE;
  }
  return 0;
}

DWORD enter(struct call *c, enum function function, HANDLE engine) {
  *c = (struct call){.function = function};
  if (!lock()) return ERROR_OPEN_FAILED;
  c->entered = TRUE;
  poll_control();
  DWORD failed = meet_faults(c);
  if (failed) return failed;
  reap(FALSE);
  return engine == NO_ENGINE ? 0 : find_session(c, (UINT64)(UINT_PTR)engine);
}

DWORD leave(struct call *c, DWORD result) {
  if (!c->entered) return result;
  if (c->implicit != NULL) {
    if (result == 0) result = commit(c->implicit, c->session->id);
    else state_free(c->implicit);
    c->committed = result == 0;
  }
  if (result == 0 && c->after != 0) result = c->after;
  journal(c, result);
  unlock();
  return result;
}

static BOOL is_free(const struct session *s, BOOL write) {
  if (shared->writer != 0 && shared->writer != s->id) return FALSE;
  for (const struct session *other = shared->sessions; write && other < shared->sessions + MAX_SESSIONS; other++) {
    if (other->id != 0 && other->id != s->id && other->txn == TXN_READ) return FALSE;
  }
  return TRUE;
}

/* Waits for the lock as long as the session wants to. The mutex is let go meanwhile. */
static DWORD wait_for_lock(struct call *c, BOOL write) {
  UINT64 id = c->session->id;
  UINT32 wanted = c->session->timeout == 0 ? DEFAULT_WAIT_MS : c->session->timeout;
  ULONGLONG start = GetTickCount64();
  while (!is_free(c->session, write)) {
    reap(TRUE);
    if (is_free(c->session, write)) break;
    if (wanted != INFINITE && GetTickCount64() - start >= wanted) return FWP_E_TIMEOUT;
    unlock();
    Sleep(POLL_MS);
    lock();
    poll_control();
    DWORD gone = find_session(c, id);
    if (gone) return gone;
  }
  return 0;
}

DWORD reading(struct call *c, const struct state **s) {
  if (c->session->txn != TXN_NONE) {
    struct transaction *t = transaction_of(c->session);
    if (t == NULL) return FWP_E_TXN_ABORTED;
    *s = t->state;
    return 0;
  }
  DWORD failed = wait_for_lock(c, FALSE);
  if (failed) return failed;
  *s = committed();
  return 0;
}

DWORD writing(struct call *c, struct state **s) {
  if (c->session->txn == TXN_READ) return FWP_E_INCOMPATIBLE_TXN;
  if (c->session->txn == TXN_WRITE) {
    struct transaction *t = transaction_of(c->session);
    if (t == NULL) return FWP_E_TXN_ABORTED;
    *s = t->state;
    return 0;
  }
  DWORD failed = wait_for_lock(c, TRUE);
  if (failed) return failed;
  *s = c->implicit = state_clone(committed());
  return 0;
}

DWORD begin(struct call *c, BOOL write) {
  if (c->session->txn != TXN_NONE) return FWP_E_TXN_IN_PROGRESS;
  DWORD failed = wait_for_lock(c, write);
  if (failed) return failed;
  struct transaction *t = malloc(sizeof *t);
  *t = (struct transaction){.session = c->session->id, .state = state_clone(committed()), .next = transactions};
  transactions = t;
  c->session->txn = write ? TXN_WRITE : TXN_READ;
  if (write) shared->writer = c->session->id;
  shared->dirty = 1;
  return 0;
}

/* Same objects in both: a transaction that changed nothing. */
static BOOL unchanged(const struct state *a, const struct state *b) {
  for (int kind = 0; kind < KINDS; kind++) {
    const struct table *x = &a->of[kind], *y = &b->of[kind];
    if (x->live != y->live) return FALSE;
    struct object **left = table_sorted(x), **right = table_sorted(y);
    BOOL same = memcmp(left, right, x->live * sizeof *left) == 0;
    free(left);
    free(right);
    if (!same) return FALSE;
  }
  return TRUE;
}

DWORD finish(struct call *c, BOOL keep) {
  struct session *s = c->session;
  if (s->txn == TXN_NONE) return FWP_E_NO_TXN_IN_PROGRESS;
  struct transaction *t = transaction_of(s);
  DWORD result = 0;
  if (keep && s->txn == TXN_WRITE && t != NULL && !unchanged(committed(), t->state)) {
    /* The dump that is written on the way shows the transaction as ended. */
    s->txn = TXN_NONE;
    shared->writer = 0;
    result = commit(t->state, s->id);
    c->committed = result == 0;
    t->state = NULL;
  }
  if (shared->writer == s->id) shared->writer = 0;
  s->txn = TXN_NONE;
  shared->dirty = 1;
  forget_transaction(s->id);
  return result;
}
