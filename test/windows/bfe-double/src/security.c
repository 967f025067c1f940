/* Security descriptors of objects: kept and given back; who may do what is not modelled. */
#include "bfe.h"

static DWORD get(enum function function, enum kind kind, HANDLE engine, const GUID *key, PSID *owner, PSID *group,
                 PACL *dacl, PACL *sacl, PSECURITY_DESCRIPTOR *sd) {
  static const DWORD missing[KINDS] = {FWP_E_PROVIDER_NOT_FOUND, FWP_E_SUBLAYER_NOT_FOUND, FWP_E_FILTER_NOT_FOUND};
  struct call c;
  const struct state *s;
  BOOL present, defaulted;
  DWORD result = enter(&c, function, engine);
  if (!result && (key == NULL || sd == NULL)) result = FWP_E_NULL_POINTER;
  if (!result) result = reading(&c, &s);
  const struct object *o = result ? NULL : table_find(&s->of[kind], key);
  if (!result && o == NULL) result = missing[kind];
  if (!result) {
    SECURITY_DESCRIPTOR_RELATIVE none = {.Revision = 1, .Control = SE_SELF_RELATIVE};
    UINT32 size = o->sd == NULL ? sizeof none : o->sd_size;
    BYTE *given = give(size);
    memcpy(given, o->sd == NULL ? (const BYTE *)&none : o->sd, size);
    if (owner != NULL) GetSecurityDescriptorOwner(given, owner, &defaulted);
    if (group != NULL) GetSecurityDescriptorGroup(given, group, &defaulted);
    if (dacl != NULL) GetSecurityDescriptorDacl(given, &present, dacl, &defaulted);
    if (sacl != NULL) GetSecurityDescriptorSacl(given, &present, sacl, &defaulted);
    memcpy(sd, &given, sizeof given);
  }
  return leave(&c, result);
}

/* The old descriptor with the named parts replaced, self-relative; NULL where they are not valid. */
static BYTE *merge(const struct object *o, SECURITY_INFORMATION what, const SID *owner, const SID *group,
                   const ACL *dacl, const ACL *sacl, DWORD *size) {
  SECURITY_DESCRIPTOR next;
  PSID sid = NULL;
  PACL acl = NULL;
  BOOL present = FALSE, defaulted = FALSE;
  InitializeSecurityDescriptor(&next, SECURITY_DESCRIPTOR_REVISION);
  if (o->sd != NULL) {
    GetSecurityDescriptorOwner(o->sd, &sid, &defaulted);
    SetSecurityDescriptorOwner(&next, sid, defaulted);
    GetSecurityDescriptorGroup(o->sd, &sid, &defaulted);
    SetSecurityDescriptorGroup(&next, sid, defaulted);
    GetSecurityDescriptorDacl(o->sd, &present, &acl, &defaulted);
    SetSecurityDescriptorDacl(&next, present, acl, defaulted);
    GetSecurityDescriptorSacl(o->sd, &present, &acl, &defaulted);
    SetSecurityDescriptorSacl(&next, present, acl, defaulted);
  }
  if (what & OWNER_SECURITY_INFORMATION) SetSecurityDescriptorOwner(&next, (PSID)owner, FALSE);
  if (what & GROUP_SECURITY_INFORMATION) SetSecurityDescriptorGroup(&next, (PSID)group, FALSE);
  if (what & DACL_SECURITY_INFORMATION) SetSecurityDescriptorDacl(&next, TRUE, (PACL)dacl, FALSE);
  if (what & SACL_SECURITY_INFORMATION) SetSecurityDescriptorSacl(&next, TRUE, (PACL)sacl, FALSE);
  *size = 0;
  MakeSelfRelativeSD(&next, NULL, size);
  BYTE *made = malloc(*size + 1);
  if (MakeSelfRelativeSD(&next, made, size)) return made;
  free(made);
  return NULL;
}

static DWORD set(enum function function, enum kind kind, HANDLE engine, const GUID *key, SECURITY_INFORMATION what,
                 const SID *owner, const SID *group, const ACL *dacl, const ACL *sacl) {
  static const DWORD missing[KINDS] = {FWP_E_PROVIDER_NOT_FOUND, FWP_E_SUBLAYER_NOT_FOUND, FWP_E_FILTER_NOT_FOUND};
  struct call c;
  struct state *s;
  DWORD size, result = enter(&c, function, engine);
  if (!result && key == NULL) result = FWP_E_NULL_POINTER;
  if (!result && c.session->txn != TXN_NONE) result = FWP_E_TXN_IN_PROGRESS;
  if (!result) result = writing(&c, &s);
  struct object *o = result ? NULL : table_find(&s->of[kind], key);
  if (!result && o == NULL) result = missing[kind];
  if (!result) {
    BYTE *sd = merge(o, what, owner, group, dacl, sacl, &size);
    if (sd == NULL) {
      result = E_INVALID_SD;
    } else {
      struct object *next = object_with_sd(o, sd, size);
      free(sd);
      GUID same = *key;
      table_remove(&s->of[kind], &same);
      table_add(&s->of[kind], next);
    }
  }
  return leave(&c, result);
}

/* The headers of mingw-w64 lack this one. */
DWORD WINAPI FwpmSubLayerSetSecurityInfoByKey0(HANDLE, const GUID *, SECURITY_INFORMATION, const SID *, const SID *,
                                               const ACL *, const ACL *);

#define SECURITY(Name, KIND)                                                                                           \
  DWORD WINAPI Fwpm##Name##GetSecurityInfoByKey0(HANDLE engine, const GUID *key, SECURITY_INFORMATION what,            \
                                                 PSID *owner, PSID *group, PACL *dacl, PACL *sacl,                     \
                                                 PSECURITY_DESCRIPTOR *sd) {                                           \
    (void)what;                                                                                                        \
    if (null_mode) return FWP_E_NOT_FOUND;                                                                             \
    return get(F_Fwpm##Name##GetSecurityInfoByKey0, KIND, engine, key, owner, group, dacl, sacl, sd);                  \
  }                                                                                                                    \
  DWORD WINAPI Fwpm##Name##SetSecurityInfoByKey0(HANDLE engine, const GUID *key, SECURITY_INFORMATION what,            \
                                                 const SID *owner, const SID *group, const ACL *dacl,                  \
                                                 const ACL *sacl) {                                                    \
    if (null_mode) return 0;                                                                                           \
    return set(F_Fwpm##Name##SetSecurityInfoByKey0, KIND, engine, key, what, owner, group, dacl, sacl);                \
  }

SECURITY(Provider, KIND_PROVIDER)
SECURITY(SubLayer, KIND_SUBLAYER)
SECURITY(Filter, KIND_FILTER)
