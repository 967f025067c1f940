/* Objects: everything that a structure of the API points to, gathered in one block that can be moved. */
#include "bfe.h"

#define SCRATCH (8u << 20)
#define MAX_RELOCATIONS 65536u

static BYTE *scratch;
static UINT32 used, relocations, *relocation;
static BOOL overflow;

static void *place(const void *data, size_t size) {
  UINT32 at = (used + 7u) & ~7u;
  if (size > SCRATCH || at + size > SCRATCH) {
    overflow = TRUE;
    return NULL;
  }
  memcpy(scratch + at, data, size);
  used = at + (UINT32)size;
  return scratch + at;
}

/* Copies what `*field`, itself in the scratch, points to. */
static void *follow(void *field, size_t size) {
  void *target;
  memcpy(&target, field, sizeof target);
  if (target == NULL || overflow) return NULL;
  target = place(target, size);
  memcpy(field, &target, sizeof target);
  if (relocations == MAX_RELOCATIONS) overflow = TRUE;
  if (overflow) return NULL;
  relocation[relocations++] = (UINT32)((BYTE *)field - scratch);
  return target;
}

static void follow_string(WCHAR **field) {
  if (*field != NULL) follow(field, (wcslen(*field) + 1) * sizeof **field);
}

/* A blob of no length may point anywhere. */
static void follow_blob(FWP_BYTE_BLOB *blob) {
  if (blob->size == 0) blob->data = NULL;
  else follow(&blob->data, blob->size);
}

static void follow_value(FWP_VALUE0 *v) {
  switch (v->type) {
    case FWP_UINT64: case FWP_INT64: case FWP_DOUBLE:
      follow(&v->uint64, 8);
      break;
    case FWP_BYTE_ARRAY16_TYPE:
      follow(&v->byteArray16, 16);
      break;
    case FWP_BYTE_ARRAY6_TYPE:
      follow(&v->byteArray6, 6);
      break;
    case FWP_BYTE_BLOB_TYPE: case FWP_SECURITY_DESCRIPTOR_TYPE: {
      FWP_BYTE_BLOB *blob = follow(&v->byteBlob, sizeof *blob);
      if (blob != NULL) follow_blob(blob);
      break;
    }
    case FWP_SID:
      if (v->sid != NULL) follow(&v->sid, GetLengthSid(v->sid));
      break;
    case FWP_UNICODE_STRING_TYPE:
      follow_string(&v->unicodeString);
      break;
    default:
      break;
  }
}

static void follow_condition(FWPM_FILTER_CONDITION0 *c) {
  FWP_CONDITION_VALUE0 *v = &c->conditionValue;
  if (v->type == FWP_V4_ADDR_MASK) {
    follow(&v->v4AddrMask, sizeof *v->v4AddrMask);
  } else if (v->type == FWP_V6_ADDR_MASK) {
    follow(&v->v6AddrMask, sizeof *v->v6AddrMask);
  } else if (v->type == FWP_RANGE_TYPE) {
    FWP_RANGE0 *range = follow(&v->rangeValue, sizeof *range);
    if (range == NULL) return;
    follow_value(&range->valueLow);
    follow_value(&range->valueHigh);
  } else {
    /* The two unions begin alike. */
    follow_value((FWP_VALUE0 *)v);
  }
}

static void follow_display(FWPM_DISPLAY_DATA0 *d) {
  follow_string(&d->name);
  follow_string(&d->description);
}

static void gather(enum kind kind, const void *structure) {
  if (kind == KIND_PROVIDER) {
    FWPM_PROVIDER0 *p = place(structure, sizeof *p);
    follow_display(&p->displayData);
    follow_blob(&p->providerData);
    follow_string(&p->serviceName);
  } else if (kind == KIND_SUBLAYER) {
    FWPM_SUBLAYER0 *s = place(structure, sizeof *s);
    follow_display(&s->displayData);
    follow(&s->providerKey, sizeof(GUID));
    follow_blob(&s->providerData);
  } else {
    FWPM_FILTER0 *f = place(structure, sizeof *f);
    follow_display(&f->displayData);
    follow(&f->providerKey, sizeof(GUID));
    follow_blob(&f->providerData);
    follow_value(&f->weight);
    follow_value(&f->effectiveWeight);
    if (f->numFilterConditions == 0) f->filterCondition = NULL;
    FWPM_FILTER_CONDITION0 *c = follow(&f->filterCondition, f->numFilterConditions * sizeof *c);
    for (UINT32 i = 0; c != NULL && i < f->numFilterConditions && !overflow; i++) follow_condition(c + i);
  }
}

static void *duplicate(const void *data, size_t size) {
  void *copy = size == 0 ? NULL : malloc(size);
  if (copy != NULL) memcpy(copy, data, size);
  return copy;
}

static void shift(const struct object *o, BYTE *bytes, const BYTE *from) {
  for (UINT32 i = 0; i < o->relocations; i++) {
    const BYTE *target;
    memcpy(&target, bytes + o->relocation[i], sizeof target);
    target = bytes + (target - from);
    memcpy(bytes + o->relocation[i], &target, sizeof target);
  }
}

static DWORD self_relative(PSECURITY_DESCRIPTOR sd, BYTE **made, UINT32 *size) {
  SECURITY_DESCRIPTOR_CONTROL bits;
  DWORD revision, needed = 0;
  *made = NULL;
  *size = 0;
  if (sd == NULL) return 0;
  if (!IsValidSecurityDescriptor(sd) || !GetSecurityDescriptorControl(sd, &bits, &revision)) return E_INVALID_SD;
  if (bits & SE_SELF_RELATIVE) {
    *size = GetSecurityDescriptorLength(sd);
    *made = duplicate(sd, *size);
    return 0;
  }
  MakeSelfRelativeSD(sd, NULL, &needed);
  *made = malloc(needed);
  *size = needed;
  return MakeSelfRelativeSD(sd, *made, &needed) ? 0 : E_INVALID_SD;
}

DWORD object_make(enum kind kind, const void *structure, PSECURITY_DESCRIPTOR sd, UINT64 session, struct object **made) {
  if (scratch == NULL) {
    scratch = VirtualAlloc(NULL, SCRATCH, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    relocation = malloc(MAX_RELOCATIONS * sizeof *relocation);
  }
  used = relocations = 0;
  overflow = FALSE;
  BYTE *descriptor;
  UINT32 descriptor_size;
  DWORD failed = self_relative(sd, &descriptor, &descriptor_size);
  if (failed) return failed;
  gather(kind, structure);
  if (overflow) {
    free(descriptor);
    return ERROR_NOT_ENOUGH_MEMORY;
  }
  struct object *o = calloc(1, sizeof *o);
  o->refs = 1;
  o->kind = kind;
  o->session = session;
  o->id = shared->next_id++;
  o->size = used;
  o->relocations = relocations;
  o->relocation = duplicate(relocation, relocations * sizeof *relocation);
  o->bytes = duplicate(scratch, used);
  o->sd = descriptor;
  o->sd_size = descriptor_size;
  shift(o, o->bytes, scratch);
  if (kind == KIND_FILTER) ((FWPM_FILTER0 *)o->bytes)->filterId = o->id;
  *made = o;
  return 0;
}

struct object *object_with_sd(const struct object *o, const BYTE *sd, UINT32 sd_size) {
  struct object *copy = duplicate(o, sizeof *o);
  copy->refs = 1;
  copy->json = NULL;
  copy->relocation = duplicate(o->relocation, o->relocations * sizeof *o->relocation);
  copy->bytes = malloc(o->size);
  object_copy(o, copy->bytes);
  copy->sd = duplicate(sd, sd_size);
  copy->sd_size = sd_size;
  return copy;
}

void object_release(struct object *o) {
  if (--o->refs > 0) return;
  free(o->relocation);
  free(o->bytes);
  free(o->sd);
  free(o->json);
  free(o);
}

void object_copy(const struct object *o, BYTE *to) {
  memcpy(to, o->bytes, o->size);
  shift(o, to, o->bytes);
}

UINT32 object_flags(const struct object *o) {
  switch (o->kind) {
    case KIND_PROVIDER:
      return ((const FWPM_PROVIDER0 *)o->bytes)->flags;
    case KIND_SUBLAYER:
      return ((const FWPM_SUBLAYER0 *)o->bytes)->flags;
    default:
      return ((const FWPM_FILTER0 *)o->bytes)->flags;
  }
}

const GUID *object_key(const struct object *o) {
  /* The key is the first member of all three. */
  return (const GUID *)o->bytes;
}

const GUID *object_provider(const struct object *o) {
  if (o->kind == KIND_SUBLAYER) return ((const FWPM_SUBLAYER0 *)o->bytes)->providerKey;
  if (o->kind == KIND_FILTER) return ((const FWPM_FILTER0 *)o->bytes)->providerKey;
  return NULL;
}

BOOL object_lasts(const struct object *o) {
  UINT32 lasting = FWPM_OBJECT_FLAG_PERSISTENT | (o->kind == KIND_FILTER ? FWPM_FILTER_FLAG_BOOTTIME : 0);
  return o->builtin || (object_flags(o) & lasting) != 0;
}
