/* Add, delete and get of providers, sublayers and filters. */
#include "bfe.h"

static const DWORD not_found[KINDS] = {FWP_E_PROVIDER_NOT_FOUND, FWP_E_SUBLAYER_NOT_FOUND, FWP_E_FILTER_NOT_FOUND};

static void name_object(struct call *c, const GUID *key, const WCHAR *name) {
  char text[37], utf8[160] = "";
  if (name != NULL && WideCharToMultiByte(CP_UTF8, 0, name, -1, utf8, sizeof utf8, NULL, NULL) == 0) utf8[0] = 0;
  arguments(c, "%s %s", key == NULL ? "null" : guid_text(key, text), utf8);
}

static DWORD add(struct call *c, enum kind kind, const void *structure, const GUID *key, PSECURITY_DESCRIPTOR sd,
                 struct state *s, UINT64 *id) {
  if (table_find(&s->of[kind], key) != NULL) return FWP_E_ALREADY_EXISTS;
  struct object *o;
  UINT64 owner = c->session->flags & FWPM_SESSION_FLAG_DYNAMIC ? c->session->id : 0;
  DWORD failed = object_make(kind, structure, sd, owner, &o);
  if (failed) return failed;
  table_add(&s->of[kind], o);
  if (id != NULL) *id = o->id;
  return 0;
}

/* What providers and sublayers have in common. */
static DWORD check_header(const struct call *c, const FWPM_DISPLAY_DATA0 *display, UINT32 flags,
                          const FWP_BYTE_BLOB *data) {
  if (display->name == NULL || display->name[0] == 0) return FWP_E_NULL_DISPLAY_NAME;
  if ((flags & ~FWPM_OBJECT_FLAG_PERSISTENT) != 0) return FWP_E_INVALID_FLAGS;
  if (flags != 0 && (c->session->flags & FWPM_SESSION_FLAG_DYNAMIC)) return FWP_E_DYNAMIC_SESSION_IN_PROGRESS;
  return data->size > 0 && data->data == NULL ? FWP_E_NULL_POINTER : 0;
}

DWORD WINAPI FwpmProviderAdd0(HANDLE engine, const FWPM_PROVIDER0 *provider, PSECURITY_DESCRIPTOR sd) {
  if (null_mode) return 0;
  struct call c;
  struct state *s;
  DWORD result = enter(&c, F_FwpmProviderAdd0, engine);
  if (!result && provider == NULL) result = FWP_E_NULL_POINTER;
  if (!result) {
    FWPM_PROVIDER0 copy = *provider;
    if (IsEqualGUID(&copy.providerKey, &GUID_NULL)) UuidCreate(&copy.providerKey);
    name_object(&c, &copy.providerKey, copy.displayData.name);
    result = check_header(&c, &copy.displayData, copy.flags, &copy.providerData);
    if (!result) result = writing(&c, &s);
    if (!result) result = add(&c, KIND_PROVIDER, &copy, &copy.providerKey, sd, s, NULL);
  }
  return leave(&c, result);
}

static DWORD check_owner(const struct call *c, const FWPM_SUBLAYER0 *sublayer, const struct state *s) {
  if (sublayer->providerKey == NULL) return 0;
  const struct object *provider = table_find(&s->of[KIND_PROVIDER], sublayer->providerKey);
  if (provider == NULL) return FWP_E_PROVIDER_NOT_FOUND;
  UINT64 session = c->session->flags & FWPM_SESSION_FLAG_DYNAMIC ? c->session->id : 0;
  return check_link(provider, sublayer->flags, session, sublayer->providerKey);
}

DWORD WINAPI FwpmSubLayerAdd0(HANDLE engine, const FWPM_SUBLAYER0 *sublayer, PSECURITY_DESCRIPTOR sd) {
  if (null_mode) return 0;
  struct call c;
  struct state *s;
  DWORD result = enter(&c, F_FwpmSubLayerAdd0, engine);
  if (!result && sublayer == NULL) result = FWP_E_NULL_POINTER;
  if (!result) {
    FWPM_SUBLAYER0 copy = *sublayer;
    if (IsEqualGUID(&copy.subLayerKey, &GUID_NULL)) UuidCreate(&copy.subLayerKey);
    name_object(&c, &copy.subLayerKey, copy.displayData.name);
    result = check_header(&c, &copy.displayData, copy.flags, &copy.providerData);
    if (!result) result = writing(&c, &s);
    if (!result) result = check_owner(&c, &copy, s);
    if (!result) result = add(&c, KIND_SUBLAYER, &copy, &copy.subLayerKey, sd, s, NULL);
  }
  return leave(&c, result);
}

/* Class in the top 4 bits; below it BFE sorts by how much the conditions say, which is modelled by their number. */
static UINT64 effective_weight(const FWPM_FILTER0 *f) {
  if (f->weight.type == FWP_UINT64) return *f->weight.uint64;
  UINT64 class = f->weight.type == FWP_UINT8 ? f->weight.uint8 : 0;
  UINT64 conditions = f->numFilterConditions < 0xfff ? f->numFilterConditions : 0xfff;
  return class << 60 | conditions << 40 | (0xffffffffffull - (shared->next_id & 0xffffffffffull));
}

DWORD WINAPI FwpmFilterAdd0(HANDLE engine, const FWPM_FILTER0 *filter, PSECURITY_DESCRIPTOR sd, UINT64 *id) {
  if (null_mode) {
    if (id != NULL) *id = 1;
    return 0;
  }
  struct call c;
  struct state *s;
  DWORD result = enter(&c, F_FwpmFilterAdd0, engine);
  if (!result && filter == NULL) result = FWP_E_NULL_POINTER;
  if (!result) {
    FWPM_FILTER0 copy = *filter;
    if (IsEqualGUID(&copy.filterKey, &GUID_NULL)) UuidCreate(&copy.filterKey);
    if (IsEqualGUID(&copy.subLayerKey, &GUID_NULL))
      copy.subLayerKey = (GUID){0xeebecc03, 0xced4, 0x4380, {0x81, 0x9a, 0x27, 0x34, 0x39, 0x7b, 0x2b, 0x74}};
    name_object(&c, &copy.filterKey, copy.displayData.name);
    result = writing(&c, &s);
    if (!result) result = check_filter(&copy, s, &c);
    if (!result) {
      UINT64 weight = effective_weight(&copy);
      copy.effectiveWeight.type = FWP_UINT64;
      copy.effectiveWeight.uint64 = &weight;
      result = add(&c, KIND_FILTER, &copy, &copy.filterKey, sd, s, id);
    }
  }
  return leave(&c, result);
}

static BOOL refers(const struct object *o, const struct object *to) {
  const GUID *key = object_key(to);
  if (to->kind == KIND_PROVIDER) return object_provider(o) != NULL && IsEqualGUID(object_provider(o), key);
  return o->kind == KIND_FILTER && IsEqualGUID(&((const FWPM_FILTER0 *)o->bytes)->subLayerKey, key);
}

static BOOL in_use(const struct state *s, const struct object *o) {
  BOOL used = FALSE;
  for (int kind = o->kind + 1; kind < KINDS && !used; kind++) {
    struct object **all = table_sorted(&s->of[kind]);
    for (size_t i = 0; i < s->of[kind].live && !used; i++) used = refers(all[i], o);
    free(all);
  }
  return used;
}

static DWORD delete_object(struct state *s, enum kind kind, const struct object *o) {
  if (o == NULL) return not_found[kind];
  if (o->builtin) return FWP_E_BUILTIN_OBJECT;
  if (in_use(s, o)) return FWP_E_IN_USE;
  GUID key = *object_key(o);
  table_remove(&s->of[kind], &key);
  return 0;
}

static DWORD delete_by_key(enum function function, enum kind kind, HANDLE engine, const GUID *key) {
  if (null_mode) return 0;
  struct call c;
  struct state *s;
  DWORD result = enter(&c, function, engine);
  name_object(&c, key, NULL);
  if (!result && key == NULL) result = FWP_E_NULL_POINTER;
  if (!result) result = writing(&c, &s);
  if (!result) result = delete_object(s, kind, table_find(&s->of[kind], key));
  return leave(&c, result);
}

DWORD WINAPI FwpmProviderDeleteByKey0(HANDLE engine, const GUID *key) {
  return delete_by_key(F_FwpmProviderDeleteByKey0, KIND_PROVIDER, engine, key);
}

DWORD WINAPI FwpmSubLayerDeleteByKey0(HANDLE engine, const GUID *key) {
  return delete_by_key(F_FwpmSubLayerDeleteByKey0, KIND_SUBLAYER, engine, key);
}

DWORD WINAPI FwpmFilterDeleteByKey0(HANDLE engine, const GUID *key) {
  return delete_by_key(F_FwpmFilterDeleteByKey0, KIND_FILTER, engine, key);
}

DWORD WINAPI FwpmFilterDeleteById0(HANDLE engine, UINT64 id) {
  if (null_mode) return 0;
  struct call c;
  struct state *s;
  DWORD result = enter(&c, F_FwpmFilterDeleteById0, engine);
  arguments(&c, "%llu", (unsigned long long)id);
  if (!result) result = writing(&c, &s);
  if (!result) result = delete_object(s, KIND_FILTER, filter_by_id(s, id));
  return leave(&c, result);
}

static DWORD hand_out(const struct object *o, enum kind kind, void *to) {
  if (o == NULL) return not_found[kind];
  BYTE *given = give(o->size);
  object_copy(o, given);
  memcpy(to, &given, sizeof given);
  return 0;
}

static DWORD get_by_key(enum function function, enum kind kind, HANDLE engine, const GUID *key, void *to) {
  if (null_mode) return not_found[kind];
  struct call c;
  const struct state *s;
  DWORD result = enter(&c, function, engine);
  name_object(&c, key, NULL);
  if (!result && (key == NULL || to == NULL)) result = FWP_E_NULL_POINTER;
  if (!result) result = reading(&c, &s);
  if (!result) result = hand_out(table_find(&s->of[kind], key), kind, to);
  return leave(&c, result);
}

DWORD WINAPI FwpmProviderGetByKey0(HANDLE engine, const GUID *key, FWPM_PROVIDER0 **provider) {
  return get_by_key(F_FwpmProviderGetByKey0, KIND_PROVIDER, engine, key, provider);
}

DWORD WINAPI FwpmSubLayerGetByKey0(HANDLE engine, const GUID *key, FWPM_SUBLAYER0 **sublayer) {
  return get_by_key(F_FwpmSubLayerGetByKey0, KIND_SUBLAYER, engine, key, sublayer);
}

DWORD WINAPI FwpmFilterGetByKey0(HANDLE engine, const GUID *key, FWPM_FILTER0 **filter) {
  return get_by_key(F_FwpmFilterGetByKey0, KIND_FILTER, engine, key, filter);
}

DWORD WINAPI FwpmFilterGetById0(HANDLE engine, UINT64 id, FWPM_FILTER0 **filter) {
  if (null_mode) return FWP_E_FILTER_NOT_FOUND;
  struct call c;
  const struct state *s;
  DWORD result = enter(&c, F_FwpmFilterGetById0, engine);
  arguments(&c, "%llu", (unsigned long long)id);
  if (!result && filter == NULL) result = FWP_E_NULL_POINTER;
  if (!result) result = reading(&c, &s);
  if (!result) result = hand_out(filter_by_id(s, id), KIND_FILTER, filter);
  return leave(&c, result);
}
