/* Enumeration: a snapshot taken when the handle is made, handed out in pages. */
#include "bfe.h"

#define SESSIONS KINDS

struct enumeration {
  UINT64 handle, session;
  int kind;
  size_t count, next;
  struct object **object;   /* or */
  struct session *sessions; /* copies */
  struct enumeration *following;
};

static struct enumeration *enumerations;
static UINT64 next_handle = 0x1000;

static void release(struct enumeration *e) {
  for (size_t i = 0; e->object != NULL && i < e->count; i++) object_release(e->object[i]);
  free(e->object);
  free(e->sessions);
  free(e);
  this_process()->enum_handles--;
  shared->dirty = 1;
}

void drop_enumerations(UINT64 session) {
  for (struct enumeration **at = &enumerations; *at != NULL;) {
    struct enumeration *e = *at;
    if (e->session != session) {
      at = &e->following;
      continue;
    }
    *at = e->following;
    release(e);
  }
}

static struct enumeration *make(const struct call *c, int kind, HANDLE *handle) {
  struct enumeration *e = calloc(1, sizeof *e);
  e->handle = next_handle++;
  e->session = c->session->id;
  e->kind = kind;
  e->following = enumerations;
  enumerations = e;
  this_process()->enum_handles++;
  shared->dirty = 1;
  *handle = (HANDLE)(UINT_PTR)e->handle;
  return e;
}

BOOL template_takes(const FWPM_FILTER_ENUM_TEMPLATE0 *t, UINT32 flags, const GUID *layer, const GUID *provider,
                    UINT32 action) {
  BOOL boot = (flags & FWPM_FILTER_FLAG_BOOTTIME) != 0;
  if (t == NULL) return !boot;
  if (t->flags & FWP_FILTER_ENUM_FLAG_BOOTTIME_ONLY) {
    if (!boot) return FALSE;
  } else if (boot && !(t->flags & FWP_FILTER_ENUM_FLAG_INCLUDE_BOOTTIME)) {
    return FALSE;
  }
  if (t->providerKey != NULL && (provider == NULL || !IsEqualGUID(provider, t->providerKey))) return FALSE;
  return IsEqualGUID(layer, &t->layerKey) && (t->actionMask == 0xffffffff || (t->actionMask & action) != 0);
}

static BOOL filter_matches(const struct object *o, const FWPM_FILTER_ENUM_TEMPLATE0 *t) {
  const FWPM_FILTER0 *f = (const FWPM_FILTER0 *)o->bytes;
  return template_takes(t, f->flags, &f->layerKey, f->providerKey, f->action.type);
}

static BOOL matches(const struct object *o, const void *template) {
  if (o->kind == KIND_FILTER) return filter_matches(o, template);
  if (o->kind == KIND_PROVIDER || template == NULL) return TRUE;
  const GUID *wanted = ((const FWPM_SUBLAYER_ENUM_TEMPLATE0 *)template)->providerKey;
  const GUID *provider = object_provider(o);
  return wanted == NULL || (provider != NULL && IsEqualGUID(provider, wanted));
}

static int by_weight(const void *a, const void *b) {
  const FWPM_FILTER0 *left = (const FWPM_FILTER0 *)(*(struct object *const *)a)->bytes;
  const FWPM_FILTER0 *right = (const FWPM_FILTER0 *)(*(struct object *const *)b)->bytes;
  UINT64 x = *left->effectiveWeight.uint64, y = *right->effectiveWeight.uint64;
  return x > y ? -1 : x < y;
}

DWORD check_template(const FWPM_FILTER_ENUM_TEMPLATE0 *t) {
  if (t == NULL) return 0;
  if (layer_name(&t->layerKey) == NULL) return FWP_E_LAYER_NOT_FOUND;
  if (t->enumType != FWP_FILTER_ENUM_FULLY_CONTAINED && t->enumType != FWP_FILTER_ENUM_OVERLAPPING)
    return FWP_E_INVALID_PARAMETER;
  if ((t->flags & ~0x1fu) != 0) return FWP_E_INVALID_FLAGS;
  /* Not modelled: templates with conditions, provider contexts, callouts or the best match. */
  BOOL more = t->numFilterConditions != 0 || t->providerContextTemplate != NULL || t->calloutKey != NULL ||
              (t->flags & FWP_FILTER_ENUM_FLAG_BEST_TERMINATING_MATCH) != 0;
  return more ? ERROR_NOT_SUPPORTED : 0;
}

static DWORD create(enum function function, enum kind kind, HANDLE engine, const void *template, HANDLE *handle) {
  if (null_mode) {
    *handle = (HANDLE)1;
    return 0;
  }
  struct call c;
  const struct state *s;
  DWORD result = enter(&c, function, engine);
  if (!result && handle == NULL) result = FWP_E_NULL_POINTER;
  if (!result && kind == KIND_FILTER) result = check_template(template);
  if (!result) result = reading(&c, &s);
  if (!result) {
    struct enumeration *e = make(&c, kind, handle);
    struct object **all = table_sorted(&s->of[kind]);
    for (size_t i = 0; i < s->of[kind].live; i++) {
      if (!matches(all[i], template)) continue;
      all[i]->refs++;
      all[e->count++] = all[i];
    }
    e->object = all;
    const FWPM_FILTER_ENUM_TEMPLATE0 *t = template;
    if (kind == KIND_FILTER && t != NULL && (t->flags & FWP_FILTER_ENUM_FLAG_SORTED))
      qsort(all, e->count, sizeof *all, by_weight);
    arguments(&c, "handle %llu of %llu objects", (unsigned long long)e->handle, (unsigned long long)e->count);
  }
  return leave(&c, result);
}

/* Addresses first, then the objects, all in one block. */
static BYTE *page_of_objects(const struct enumeration *e, UINT32 count) {
  size_t size = count * sizeof(void *);
  for (UINT32 i = 0; i < count; i++) size += (e->object[e->next + i]->size + 7u) & ~7u;
  BYTE *page = give(size), *at = page + count * sizeof(void *);
  for (UINT32 i = 0; i < count; i++) {
    const struct object *o = e->object[e->next + i];
    object_copy(o, at);
    memcpy(page + i * sizeof(void *), &at, sizeof at);
    at += (o->size + 7u) & ~7u;
  }
  return page;
}

struct session_copy {
  FWPM_SESSION0 session;
  struct session s;
};

static BYTE *page_of_sessions(const struct enumeration *e, UINT32 count) {
  BYTE *page = give(count * (sizeof(void *) + sizeof(struct session_copy)));
  struct session_copy *at = (struct session_copy *)(page + count * sizeof(void *));
  for (UINT32 i = 0; i < count; i++, at++) {
    struct session_copy copy = {.s = e->sessions[e->next + i]};
    copy.session = (FWPM_SESSION0){.sessionKey = copy.s.key, .flags = copy.s.flags,
                                   .txnWaitTimeoutInMSec = copy.s.timeout, .processId = copy.s.pid};
    copy.session.displayData.name = at->s.name;
    copy.session.displayData.description = at->s.description;
    copy.session.username = at->s.username;
    copy.session.sid = copy.s.sid[0] ? (SID *)at->s.sid : NULL;
    memcpy(at, &copy, sizeof copy);
    memcpy(page + i * sizeof(void *), &at, sizeof at);
  }
  return page;
}

static struct enumeration *find(const struct call *c, HANDLE handle, int kind, DWORD *result) {
  for (struct enumeration *e = enumerations; e != NULL; e = e->following) {
    if (e->handle != (UINT64)(UINT_PTR)handle || e->kind != kind) continue;
    *result = e->session == c->session->id ? 0 : FWP_E_WRONG_SESSION;
    return *result ? NULL : e;
  }
  *result = FWP_E_INVALID_ENUMERATOR;
  return NULL;
}

static DWORD next_page(enum function function, int kind, HANDLE engine, HANDLE handle, UINT32 wanted, void *entries,
                       UINT32 *returned) {
  if (null_mode) {
    memset(entries, 0, sizeof(void *));
    *returned = 0;
    return 0;
  }
  struct call c;
  DWORD result = enter(&c, function, engine);
  arguments(&c, "handle %llu", (unsigned long long)(UINT_PTR)handle);
  if (!result && (entries == NULL || returned == NULL)) result = FWP_E_NULL_POINTER;
  struct enumeration *e = result ? NULL : find(&c, handle, kind, &result);
  if (e != NULL) {
    UINT32 count = e->count - e->next < wanted ? (UINT32)(e->count - e->next) : wanted;
    BYTE *page = NULL;
    if (count > 0) page = kind == SESSIONS ? page_of_sessions(e, count) : page_of_objects(e, count);
    e->next += count;
    memcpy(entries, &page, sizeof page);
    *returned = count;
    arguments(&c, "handle %llu, %u wanted, %u given", (unsigned long long)e->handle, wanted, count);
  }
  return leave(&c, result);
}

static DWORD destroy(enum function function, int kind, HANDLE engine, HANDLE handle) {
  if (null_mode) return 0;
  struct call c;
  DWORD result = enter(&c, function, engine);
  arguments(&c, "handle %llu", (unsigned long long)(UINT_PTR)handle);
  struct enumeration *e = result ? NULL : find(&c, handle, kind, &result);
  if (e != NULL) {
    struct enumeration **at = &enumerations;
    while (*at != e) at = &(*at)->following;
    *at = e->following;
    release(e);
  }
  return leave(&c, result);
}

DWORD WINAPI FwpmSessionCreateEnumHandle0(HANDLE engine, const FWPM_SESSION_ENUM_TEMPLATE0 *template, HANDLE *handle) {
  (void)template;
  if (null_mode) {
    *handle = (HANDLE)1;
    return 0;
  }
  struct call c;
  DWORD result = enter(&c, F_FwpmSessionCreateEnumHandle0, engine);
  if (!result && handle == NULL) result = FWP_E_NULL_POINTER;
  if (!result && c.session->txn != TXN_NONE) result = FWP_E_TXN_IN_PROGRESS;
  if (!result) {
    reap(TRUE);
    struct enumeration *e = make(&c, SESSIONS, handle);
    e->sessions = calloc(MAX_SESSIONS, sizeof *e->sessions);
    for (struct session *s = shared->sessions; s < shared->sessions + MAX_SESSIONS; s++) {
      if (s->id != 0) e->sessions[e->count++] = *s;
    }
  }
  return leave(&c, result);
}

#define ENUMERATION(Name, STRUCTURE, TEMPLATE, KIND)                                                                   \
  DWORD WINAPI Fwpm##Name##CreateEnumHandle0(HANDLE engine, const TEMPLATE *template, HANDLE *handle) {                \
    return create(F_Fwpm##Name##CreateEnumHandle0, KIND, engine, template, handle);                                    \
  }                                                                                                                    \
  PAGES(Name, STRUCTURE, KIND)
#define PAGES(Name, STRUCTURE, KIND)                                                                                   \
  DWORD WINAPI Fwpm##Name##Enum0(HANDLE engine, HANDLE handle, UINT32 wanted, STRUCTURE ***entries,                    \
                                 UINT32 *returned) {                                                                   \
    return next_page(F_Fwpm##Name##Enum0, KIND, engine, handle, wanted, entries, returned);                            \
  }                                                                                                                    \
  DWORD WINAPI Fwpm##Name##DestroyEnumHandle0(HANDLE engine, HANDLE handle) {                                          \
    return destroy(F_Fwpm##Name##DestroyEnumHandle0, KIND, engine, handle);                                            \
  }

ENUMERATION(Provider, FWPM_PROVIDER0, FWPM_PROVIDER_ENUM_TEMPLATE0, KIND_PROVIDER)
ENUMERATION(SubLayer, FWPM_SUBLAYER0, FWPM_SUBLAYER_ENUM_TEMPLATE0, KIND_SUBLAYER)
ENUMERATION(Filter, FWPM_FILTER0, FWPM_FILTER_ENUM_TEMPLATE0, KIND_FILTER)
PAGES(Session, FWPM_SESSION0, SESSIONS)
