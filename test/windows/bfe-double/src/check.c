/* What BFE refuses. Sources: ns-fwpmtypes-fwpm_filter0, ne-fwptypes-fwp_match_type, FWP/object-management,
 * FWP/filter-weight-assignment. Where the documentation names no code, the nearest of winerror.h is taken. */
#include "bfe.h"

static BOOL is_pointer(FWP_DATA_TYPE type) {
  switch (type) {
    case FWP_UINT64: case FWP_INT64: case FWP_DOUBLE: case FWP_BYTE_ARRAY16_TYPE: case FWP_BYTE_BLOB_TYPE: case FWP_SID:
    case FWP_SECURITY_DESCRIPTOR_TYPE: case FWP_UNICODE_STRING_TYPE: case FWP_BYTE_ARRAY6_TYPE: case FWP_V4_ADDR_MASK:
    case FWP_V6_ADDR_MASK: case FWP_RANGE_TYPE:
      return TRUE;
    default:
      return FALSE;
  }
}

static BOOL is_unsigned(FWP_DATA_TYPE type) {
  return type == FWP_UINT8 || type == FWP_UINT16 || type == FWP_UINT32 || type == FWP_UINT64;
}

static BOOL is_sortable(FWP_DATA_TYPE type) {
  return (type >= FWP_UINT8 && type <= FWP_INT64) || type == FWP_BYTE_ARRAY16_TYPE || type == FWP_BYTE_BLOB_TYPE ||
         type == FWP_UNICODE_STRING_TYPE;
}

static DWORD check_value(const FWP_CONDITION_VALUE0 *v) {
  if (is_pointer(v->type) && v->uint64 == NULL) return FWP_E_NULL_POINTER;
  switch (v->type) {
    case FWP_BYTE_BLOB_TYPE:
      if (v->byteBlob->size == 0) return FWP_E_ZERO_LENGTH_ARRAY;
      return v->byteBlob->data == NULL ? FWP_E_NULL_POINTER : 0;
    case FWP_SECURITY_DESCRIPTOR_TYPE: {
      SECURITY_DESCRIPTOR_CONTROL bits;
      DWORD revision;
      if (v->sd->size == 0) return FWP_E_ZERO_LENGTH_ARRAY;
      if (v->sd->data == NULL) return FWP_E_NULL_POINTER;
      if (v->sd->size < sizeof(SECURITY_DESCRIPTOR_RELATIVE) || !IsValidSecurityDescriptor(v->sd->data)) return E_INVALID_SD;
      GetSecurityDescriptorControl(v->sd->data, &bits, &revision);
      if (!(bits & SE_SELF_RELATIVE)) return E_INVALID_SD;
      return GetSecurityDescriptorLength(v->sd->data) > v->sd->size ? E_INVALID_SD : 0;
    }
    case FWP_SID:
      return IsValidSid(v->sid) ? 0 : ERROR_INVALID_SID;
    case FWP_V4_ADDR_MASK: {
      UINT32 rest = ~v->v4AddrMask->mask;
      return (rest & (rest + 1)) == 0 ? 0 : FWP_E_INVALID_NET_MASK;
    }
    case FWP_V6_ADDR_MASK:
      return v->v6AddrMask->prefixLength <= 128 ? 0 : FWP_E_INVALID_NET_MASK;
    default:
      return 0;
  }
}

static int compare(const FWP_VALUE0 *a, const FWP_VALUE0 *b) {
#define ORDER(x, y) ((x) < (y) ? -1 : (x) > (y))
  switch (a->type) {
    case FWP_UINT8:
      return ORDER(a->uint8, b->uint8);
    case FWP_UINT16:
      return ORDER(a->uint16, b->uint16);
    case FWP_UINT32:
      return ORDER(a->uint32, b->uint32);
    case FWP_UINT64:
      return ORDER(*a->uint64, *b->uint64);
    case FWP_BYTE_ARRAY16_TYPE:
      return memcmp(a->byteArray16, b->byteArray16, 16);
    default:
      return 0;
  }
#undef ORDER
}

static DWORD check_range(const FWP_CONDITION_VALUE0 *v, FWP_DATA_TYPE field) {
  if (v->type != FWP_RANGE_TYPE) return FWP_E_MATCH_TYPE_MISMATCH;
  if (v->rangeValue == NULL) return FWP_E_NULL_POINTER;
  const FWP_VALUE0 *low = &v->rangeValue->valueLow, *high = &v->rangeValue->valueHigh;
  if (low->type != field || high->type != field) return FWP_E_TYPE_MISMATCH;
  if (!is_sortable(field)) return FWP_E_MATCH_TYPE_MISMATCH;
  if (is_pointer(field) && (low->uint64 == NULL || high->uint64 == NULL)) return FWP_E_NULL_POINTER;
  return compare(low, high) <= 0 ? 0 : FWP_E_INVALID_RANGE;
}

static DWORD check_condition(const FWPM_FILTER_CONDITION0 *c, const GUID *layer) {
  const FWP_CONDITION_VALUE0 *v = &c->conditionValue;
  FWP_DATA_TYPE field;
  if (!field_type(layer, &c->fieldKey, &field)) return FWP_E_CONDITION_NOT_FOUND;
  if (c->matchType == FWP_MATCH_RANGE) return check_range(v, field);
  if (v->type == FWP_RANGE_TYPE) return FWP_E_MATCH_TYPE_MISMATCH;
  BOOL mask = (v->type == FWP_V4_ADDR_MASK && field == FWP_UINT32 && strstr(field_name(&c->fieldKey), "ADDRESS")) ||
              (v->type == FWP_V6_ADDR_MASK && field == FWP_BYTE_ARRAY16_TYPE);
  if (v->type != field && !mask) return FWP_E_TYPE_MISMATCH;
  /* The headers of mingw-w64 end the enumeration before the last two. */
  BOOL fits;
  switch ((int)c->matchType) {
    case FWP_MATCH_EQUAL:
      fits = TRUE;
      break;
    case FWP_MATCH_NOT_EQUAL:
      fits = mask || is_sortable(v->type);
      break;
    case FWP_MATCH_GREATER: case FWP_MATCH_LESS: case FWP_MATCH_GREATER_OR_EQUAL: case FWP_MATCH_LESS_OR_EQUAL:
      fits = is_sortable(v->type);
      break;
    case FWP_MATCH_FLAGS_ALL_SET: case FWP_MATCH_FLAGS_ANY_SET: case FWP_MATCH_FLAGS_NONE_SET:
      fits = is_unsigned(v->type);
      break;
    case FWP_MATCH_EQUAL_CASE_INSENSITIVE:
      fits = v->type == FWP_UNICODE_STRING_TYPE;
      break;
    case FWP_MATCH_PREFIX: case FWP_MATCH_NOT_PREFIX:
      fits = v->type == FWP_BYTE_BLOB_TYPE || v->type == FWP_UNICODE_STRING_TYPE;
      break;
    default:
      fits = FALSE;
  }
  return fits ? check_value(v) : FWP_E_MATCH_TYPE_MISMATCH;
}

static DWORD check_weight(const FWP_VALUE0 *w) {
  switch (w->type) {
    case FWP_EMPTY:
      return 0;
    case FWP_UINT8:
      return w->uint8 <= 15 ? 0 : FWP_E_INVALID_WEIGHT;
    case FWP_UINT64:
      return w->uint64 == NULL ? FWP_E_NULL_POINTER : 0;
    default:
      return FWP_E_INVALID_WEIGHT;
  }
}

static DWORD check_action(UINT32 type) {
  switch (type) {
    case FWP_ACTION_PERMIT: case FWP_ACTION_BLOCK:
      return 0;
    case FWP_ACTION_CALLOUT_TERMINATING: case FWP_ACTION_CALLOUT_INSPECTION: case FWP_ACTION_CALLOUT_UNKNOWN:
      return FWP_E_CALLOUT_NOT_FOUND;
    default:
      return FWP_E_INVALID_ACTION_TYPE;
  }
}

/* May an object of these flags, made in `session` (0: no dynamic one), refer to `to`? */
DWORD check_link(const struct object *to, UINT32 flags, UINT64 session, const GUID *provider) {
  if (to->builtin) return 0;
  if (to->session != 0 && to->session != session) return FWP_E_LIFETIME_MISMATCH;
  if ((flags & (FWPM_OBJECT_FLAG_PERSISTENT | FWPM_FILTER_FLAG_BOOTTIME)) == 0) return 0;
  if (!object_lasts(to)) return FWP_E_LIFETIME_MISMATCH;
  /* "... or a persistent object owned by a different provider" */
  const GUID *owner = object_provider(to);
  if (owner == NULL) return 0;
  return provider != NULL && IsEqualGUID(owner, provider) ? 0 : FWP_E_LIFETIME_MISMATCH;
}

DWORD check_filter(const FWPM_FILTER0 *f, const struct state *s, const struct call *c) {
  const UINT32 known = FWPM_OBJECT_FLAG_PERSISTENT | FWPM_FILTER_FLAG_BOOTTIME | FWPM_FILTER_FLAG_HAS_PROVIDER_CONTEXT |
                       FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT | FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED |
                       FWPM_FILTER_FLAG_INDEXED;
  const UINT32 lasting = FWPM_OBJECT_FLAG_PERSISTENT | FWPM_FILTER_FLAG_BOOTTIME;
  BOOL dynamic = (c->session->flags & FWPM_SESSION_FLAG_DYNAMIC) != 0;
  if (f->displayData.name == NULL || f->displayData.name[0] == 0) return FWP_E_NULL_DISPLAY_NAME;
  if ((f->flags & ~known) != 0 || (f->flags & lasting) == lasting) return FWP_E_INVALID_FLAGS;
  if (dynamic && (f->flags & lasting) != 0) return FWP_E_DYNAMIC_SESSION_IN_PROGRESS;
  if (f->reserved != NULL) return FWP_E_RESERVED;
  if (f->flags & FWPM_FILTER_FLAG_HAS_PROVIDER_CONTEXT) return FWP_E_PROVIDER_CONTEXT_NOT_FOUND;
  if (f->providerData.size > 0 && f->providerData.data == NULL) return FWP_E_NULL_POINTER;
  if (f->numFilterConditions > 0 && f->filterCondition == NULL) return FWP_E_NULL_POINTER;
  if (layer_name(&f->layerKey) == NULL) return FWP_E_LAYER_NOT_FOUND;
  DWORD wrong = check_weight(&f->weight);
  if (!wrong) wrong = check_action(f->action.type);
  for (UINT32 i = 0; !wrong && i < f->numFilterConditions; i++) {
    wrong = check_condition(&f->filterCondition[i], &f->layerKey);
  }
  if (wrong) return wrong;
  UINT64 session = dynamic ? c->session->id : 0;
  if (f->providerKey != NULL) {
    const struct object *provider = table_find(&s->of[KIND_PROVIDER], f->providerKey);
    if (provider == NULL) return FWP_E_PROVIDER_NOT_FOUND;
    wrong = check_link(provider, f->flags, session, f->providerKey);
    if (wrong) return wrong;
  }
  const struct object *sublayer = table_find(&s->of[KIND_SUBLAYER], &f->subLayerKey);
  if (sublayer == NULL) return FWP_E_SUBLAYER_NOT_FOUND;
  return check_link(sublayer, f->flags, session, f->providerKey);
}
