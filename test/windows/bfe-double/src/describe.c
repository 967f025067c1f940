/* Objects as JSON, every value decoded. The words are those of the binding's types.ts. */
#include "bfe.h"

static void put_value(struct text *t, const FWP_VALUE0 *v) {
  switch (v->type) {
    case FWP_EMPTY:
      put(t, "{\"type\":\"empty\"}");
      return;
    case FWP_UINT8:
      put(t, "{\"type\":\"uint8\",\"value\":%u}", v->uint8);
      return;
    case FWP_UINT16:
      put(t, "{\"type\":\"uint16\",\"value\":%u}", v->uint16);
      return;
    case FWP_UINT32:
      put(t, "{\"type\":\"uint32\",\"value\":%u}", v->uint32);
      return;
    case FWP_UINT64:
      put(t, "{\"type\":\"uint64\",\"value\":\"%llu\"}", (unsigned long long)*v->uint64);
      return;
    case FWP_INT8:
      put(t, "{\"type\":\"int8\",\"value\":%d}", v->int8);
      return;
    case FWP_INT16:
      put(t, "{\"type\":\"int16\",\"value\":%d}", v->int16);
      return;
    case FWP_INT32:
      put(t, "{\"type\":\"int32\",\"value\":%d}", v->int32);
      return;
    case FWP_INT64:
      put(t, "{\"type\":\"int64\",\"value\":\"%lld\"}", (long long)*v->int64);
      return;
    case FWP_FLOAT:
      put(t, "{\"type\":\"float\",\"value\":%.9g}", (double)v->float32);
      return;
    case FWP_DOUBLE:
      put(t, "{\"type\":\"double\",\"value\":%.17g}", *v->double64);
      return;
    case FWP_BYTE_ARRAY16_TYPE:
      put(t, "{\"type\":\"byte-array16\",\"value\":");
      put_hex(t, v->byteArray16, 16);
      break;
    case FWP_BYTE_ARRAY6_TYPE:
      put(t, "{\"type\":\"byte-array6\",\"value\":");
      put_hex(t, v->byteArray6, 6);
      break;
    case FWP_BYTE_BLOB_TYPE:
      put(t, "{\"type\":\"byte-blob\",\"value\":");
      put_hex(t, v->byteBlob->data, v->byteBlob->size);
      break;
    case FWP_SECURITY_DESCRIPTOR_TYPE:
      put(t, "{\"type\":\"security-descriptor\",\"value\":");
      put_hex(t, v->sd->data, v->sd->size);
      break;
    case FWP_SID:
      put(t, "{\"type\":\"sid\",\"value\":");
      put_hex(t, v->sid, GetLengthSid(v->sid));
      break;
    case FWP_UNICODE_STRING_TYPE:
      put(t, "{\"type\":\"unicode-string\",\"value\":");
      put_string(t, v->unicodeString);
      break;
    default:
      put(t, "{\"type\":\"unknown\",\"value\":%d", v->type);
  }
  put(t, "}");
}

static void put_condition_value(struct text *t, const FWP_CONDITION_VALUE0 *v) {
  if (v->type == FWP_V4_ADDR_MASK) {
    put(t, "{\"type\":\"v4-mask\",\"address\":%u,\"mask\":%u}", v->v4AddrMask->addr, v->v4AddrMask->mask);
  } else if (v->type == FWP_V6_ADDR_MASK) {
    put(t, "{\"type\":\"v6-prefix\",\"address\":");
    put_hex(t, v->v6AddrMask->addr, 16);
    put(t, ",\"prefix\":%u}", v->v6AddrMask->prefixLength);
  } else if (v->type == FWP_RANGE_TYPE) {
    put(t, "{\"type\":\"range\",\"low\":");
    put_value(t, &v->rangeValue->valueLow);
    put(t, ",\"high\":");
    put_value(t, &v->rangeValue->valueHigh);
    put(t, "}");
  } else {
    put_value(t, (const FWP_VALUE0 *)v);
  }
}

static const char *match_name(int match) {
  static const char *const names[] = {"equal", "greater", "less", "greater-or-equal", "less-or-equal", "range",
                                      "flags-all-set", "flags-any-set", "flags-none-set", "equal-case-insensitive",
                                      "not-equal", "prefix", "not-prefix"};
  return match >= 0 && match < (int)ARRAYSIZE(names) ? names[match] : "unknown";
}

static void put_named(struct text *t, const char *member, const GUID *g, const char *name) {
  put(t, ",\"%s\":", member);
  put_guid(t, g);
  put(t, ",\"%sName\":", member);
  if (name == NULL) put(t, "null");
  else put_utf8(t, name);
}

static void put_filter(struct text *t, const FWPM_FILTER0 *f) {
  put_named(t, "layer", &f->layerKey, layer_name(&f->layerKey));
  put(t, ",\"sublayer\":");
  put_guid(t, &f->subLayerKey);
  put(t, ",\"weight\":");
  put_value(t, &f->weight);
  put(t, ",\"effectiveWeight\":\"%llu\",\"action\":\"%s\",\"actionType\":%u,\"rawContext\":\"%llu\",\"conditions\":[",
      (unsigned long long)*f->effectiveWeight.uint64, f->action.type == FWP_ACTION_PERMIT ? "permit" : "block",
      f->action.type, (unsigned long long)f->rawContext);
  for (UINT32 i = 0; i < f->numFilterConditions; i++) {
    const FWPM_FILTER_CONDITION0 *c = &f->filterCondition[i];
    put(t, "%s{\"match\":\"%s\"", i > 0 ? "," : "", match_name((int)c->matchType));
    put_named(t, "field", &c->fieldKey, field_name(&c->fieldKey));
    put(t, ",\"value\":");
    put_condition_value(t, &c->conditionValue);
    put(t, "}");
  }
  put(t, "]");
}

static const char *lifetime(const struct object *o) {
  if (o->builtin) return "built-in";
  if (o->session != 0) return "dynamic";
  if (o->kind == KIND_FILTER && (object_flags(o) & FWPM_FILTER_FLAG_BOOTTIME)) return "boot-time";
  return object_flags(o) & FWPM_OBJECT_FLAG_PERSISTENT ? "persistent" : "static";
}

void put_object(struct text *t, const struct object *o) {
  const FWPM_PROVIDER0 *p = (const FWPM_PROVIDER0 *)o->bytes;
  const FWPM_SUBLAYER0 *s = (const FWPM_SUBLAYER0 *)o->bytes;
  const FWPM_FILTER0 *f = (const FWPM_FILTER0 *)o->bytes;
  /* Key and display data stand first in all three. */
  put(t, "{\"key\":");
  put_guid(t, object_key(o));
  put(t, ",\"id\":\"%llu\",\"name\":", (unsigned long long)o->id);
  put_string(t, p->displayData.name);
  put(t, ",\"description\":");
  put_string(t, p->displayData.description);
  put(t, ",\"lifetime\":\"%s\",\"flags\":%u,\"session\":", lifetime(o), object_flags(o));
  if (o->session == 0) put(t, "null");
  else put(t, "\"%llu\"", (unsigned long long)o->session);
  put(t, ",\"sd\":");
  if (o->sd == NULL) put(t, "null");
  else put_hex(t, o->sd, o->sd_size);
  const FWP_BYTE_BLOB *data = o->kind == KIND_PROVIDER ? &p->providerData
                              : o->kind == KIND_SUBLAYER ? &s->providerData : &f->providerData;
  put(t, ",\"data\":");
  put_hex(t, data->data, data->size);
  if (o->kind == KIND_PROVIDER) {
    put(t, ",\"serviceName\":");
    put_string(t, p->serviceName);
    return;
  }
  put(t, ",\"provider\":");
  put_guid(t, object_provider(o));
  if (o->kind == KIND_SUBLAYER) put(t, ",\"weight\":%u", s->weight);
  else put_filter(t, f);
}
