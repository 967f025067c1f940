/* Changes of filters, told to subscribers of every process by a thread of its own, one at a time, in order. */
#include "bfe.h"

#define PUMP_EVERY_MS 10
#define UNSUBSCRIBE_PATIENCE_MS 5000
/* Counters are written down when there is a pause in the calls, or now and then where there is none. */
#define DUMP_EVERY_MS 250

struct subscription {
  UINT64 handle, session, seen;
  UINT32 flags;
  BOOL whole; /* no template: every filter */
  FWPM_FILTER_ENUM_TEMPLATE0 template;
  GUID provider; /* of the template */
  FWPM_FILTER_CHANGE_CALLBACK0 callback;
  void *context;
  struct subscription *next;
};

static struct subscription *subscriptions;
static UINT64 next_handle = 0x1000;
/* Whose callback runs at the moment; 0: nobody's. */
static UINT64 calling;
static DWORD pump_thread;

static void remember(UINT64 session, FWPM_CHANGE_TYPE type, const struct object *o) {
  if (shared->drop > 0) {
    shared->drop--;
    return;
  }
  UINT32 times = 1;
  if (shared->duplicate > 0) {
    shared->duplicate--;
    times = 2;
  }
  const FWPM_FILTER0 *f = (const FWPM_FILTER0 *)o->bytes;
  for (; times > 0; times--) {
    struct change *c = &shared->change[shared->changes++ % MAX_CHANGES];
    *c = (struct change){.session = session, .layer = f->layerKey, .flags = f->flags, .action = f->action.type};
    c->change.changeType = type;
    c->change.filterKey = f->filterKey;
    c->change.filterId = f->filterId;
    if (f->providerKey != NULL) c->provider = *f->providerKey;
  }
}

static void differences(const struct state *from, const struct state *to, FWPM_CHANGE_TYPE type, UINT64 session) {
  struct object **all = table_sorted(&from->of[KIND_FILTER]);
  for (size_t i = 0; i < from->of[KIND_FILTER].live; i++) {
    const struct object *other = table_find(&to->of[KIND_FILTER], object_key(all[i]));
    if (other == NULL || other->id != all[i]->id) remember(session, type, all[i]);
  }
  free(all);
}

void publish(const struct state *before, const struct state *after, UINT64 session) {
  differences(before, after, FWPM_CHANGE_DELETE, session);
  differences(after, before, FWPM_CHANGE_ADD, session);
}

static BOOL wants(const struct subscription *s, const struct change *c) {
  UINT32 flag = c->change.changeType == FWPM_CHANGE_ADD ? FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_ADD
                                                        : FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_DELETE;
  if ((s->flags & flag) == 0 || c->session == s->session) return FALSE;
  return s->whole || template_takes(&s->template, c->flags, &c->layer, &c->provider, c->action);
}

/* The next change that somebody here waits for. */
static BOOL next_change(struct subscription **to, FWPM_FILTER_CHANGE0 *change) {
  for (struct subscription *s = subscriptions; s != NULL; s = s->next) {
    if (session_of(s->session) == NULL) continue;
    if (shared->changes - s->seen > MAX_CHANGES) s->seen = shared->changes - MAX_CHANGES;
    while (s->seen < shared->changes) {
      const struct change *c = &shared->change[s->seen++ % MAX_CHANGES];
      if (!wants(s, c)) continue;
      *to = s;
      *change = c->change;
      return TRUE;
    }
  }
  return FALSE;
}

static DWORD WINAPI pump(void *unused) {
  (void)unused;
  UINT64 calls = 0;
  ULONGLONG written = 0;
  for (;;) {
    Sleep(PUMP_EVERY_MS);
    if (!lock()) continue;
    poll_control();
    reap(FALSE);
    struct subscription *s;
    FWPM_FILTER_CHANGE0 change;
    while (next_change(&s, &change)) {
      FWPM_FILTER_CHANGE_CALLBACK0 callback = s->callback;
      void *context = s->context;
      calling = s->handle;
      unlock();
      callback(context, &change);
      lock();
      calling = 0;
    }
    BOOL pause = shared->journal == calls || GetTickCount64() - written >= DUMP_EVERY_MS;
    calls = shared->journal;
    if (shared->dirty && pause) {
      write_dump();
      written = GetTickCount64();
    }
    unlock();
  }
  return 0;
}

void start_pump(void) {
  HMODULE self;
  if (pump_thread != 0) return;
  /* A program that ends unloads the library, and this thread would go on in what is not there any more. */
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (LPCWSTR)(void *)start_pump,
                     &self);
  HANDLE thread = CreateThread(NULL, 0, pump, NULL, 0, &pump_thread);
  if (thread != NULL) CloseHandle(thread);
}

/* "If the callback is currently being invoked, this function will not return until it finishes." A caller who holds what
 * the callback waits for would hang for ever on Windows; here it is recorded as an error after a while. */
static void await_callback(UINT64 handle) {
  ULONGLONG start = GetTickCount64();
  while (calling == handle && GetCurrentThreadId() != pump_thread) {
    if (GetTickCount64() - start > UNSUBSCRIBE_PATIENCE_MS) {
      record_error("unsubscribed while the callback runs and waits for the caller: a deadlock on Windows");
      return;
    }
    unlock();
    Sleep(1);
    lock();
  }
}

static BOOL drop_one(UINT64 session, UINT64 handle, DWORD *result) {
  for (struct subscription **at = &subscriptions; *at != NULL; at = &(*at)->next) {
    struct subscription *s = *at;
    if (handle != 0 ? s->handle != handle : s->session != session) continue;
    if (s->session != session) {
      *result = FWP_E_WRONG_SESSION;
      return FALSE;
    }
    UINT64 waited = s->handle;
    *at = s->next;
    free(s);
    this_process()->subscriptions--;
    shared->dirty = 1;
    await_callback(waited);
    return TRUE;
  }
  *result = FWP_E_NOT_FOUND;
  return FALSE;
}

void drop_subscriptions(UINT64 session) {
  DWORD ignored;
  while (drop_one(session, 0, &ignored)) {
  }
}

DWORD WINAPI FwpmFilterSubscribeChanges0(HANDLE engine, const FWPM_FILTER_SUBSCRIPTION0 *wanted,
                                         FWPM_FILTER_CHANGE_CALLBACK0 callback, void *context, HANDLE *handle) {
  const UINT32 known = FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_ADD | FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_DELETE;
  if (null_mode) {
    *handle = (HANDLE)1;
    return 0;
  }
  struct call c;
  DWORD result = enter(&c, F_FwpmFilterSubscribeChanges0, engine);
  if (!result && (wanted == NULL || callback == NULL || handle == NULL)) result = FWP_E_NULL_POINTER;
  if (!result && c.session->txn != TXN_NONE) result = FWP_E_TXN_IN_PROGRESS;
  if (!result && ((wanted->flags & known) == 0 || (wanted->flags & ~known) != 0)) result = FWP_E_INVALID_FLAGS;
  if (!result) result = check_template(wanted->enumTemplate);
  if (!result) {
    struct subscription *s = calloc(1, sizeof *s);
    const FWPM_FILTER_ENUM_TEMPLATE0 *t = wanted->enumTemplate;
    *s = (struct subscription){.handle = next_handle++, .session = c.session->id, .seen = shared->changes,
                               .flags = wanted->flags, .whole = t == NULL, .callback = callback, .context = context,
                               .next = subscriptions};
    if (t != NULL) s->template = *t;
    if (t != NULL && t->providerKey != NULL) {
      s->provider = *t->providerKey;
      s->template.providerKey = &s->provider;
    }
    subscriptions = s;
    this_process()->subscriptions++;
    shared->dirty = 1;
    *handle = (HANDLE)(UINT_PTR)s->handle;
  }
  return leave(&c, result);
}

DWORD WINAPI FwpmFilterUnsubscribeChanges0(HANDLE engine, HANDLE handle) {
  if (null_mode) return 0;
  struct call c;
  DWORD result = enter(&c, F_FwpmFilterUnsubscribeChanges0, engine);
  if (!result && c.session->txn != TXN_NONE) result = FWP_E_TXN_IN_PROGRESS;
  if (!result && handle == NULL) result = FWP_E_NOT_FOUND;
  if (!result) drop_one(c.session->id, (UINT64)(UINT_PTR)handle, &result);
  return leave(&c, result);
}
