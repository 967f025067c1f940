/* Which layer has which fields, and of what type. Source: FWP/filtering-conditions-available-at-each-filtering-layer and
 * FWP/filtering-condition-identifiers- of Microsoft's documentation. The GUIDs are generated from the binding's guids.ts. */
#include "bfe.h"
#include "guids.generated.h"

enum field {
#define NAME(name, ...) FIELD_##name,
  GENERATED_FIELDS(NAME)
#undef NAME
      FIELDS
};
#define BIT(name) (1u << FIELD_##name)

static const struct {
  GUID guid;
  const char *name;
} fields[] = {
#define ROW(name, ...) {__VA_ARGS__, #name},
    GENERATED_FIELDS(ROW)
#undef ROW
};

#define ALE_BOUND                                                                                                      \
  (BIT(ALE_APP_ID) | BIT(ALE_USER_ID) | BIT(ALE_PACKAGE_ID) | BIT(IP_LOCAL_ADDRESS) | BIT(IP_LOCAL_PORT) | BIT(FLAGS) | \
   BIT(IP_LOCAL_INTERFACE) | BIT(INTERFACE_TYPE))
#define TRANSPORT                                                                                                      \
  (BIT(IP_PROTOCOL) | BIT(IP_LOCAL_ADDRESS) | BIT(IP_REMOTE_ADDRESS) | BIT(IP_LOCAL_PORT) | BIT(IP_REMOTE_PORT) |      \
   BIT(FLAGS) | BIT(IP_LOCAL_INTERFACE) | BIT(INTERFACE_TYPE))
#define FIELDS_OF_ALE_AUTH_CONNECT (ALE_BOUND | TRANSPORT)
#define FIELDS_OF_ALE_AUTH_RECV_ACCEPT (ALE_BOUND | TRANSPORT)
#define FIELDS_OF_ALE_AUTH_LISTEN ALE_BOUND
#define FIELDS_OF_ALE_RESOURCE_ASSIGNMENT (ALE_BOUND | BIT(IP_PROTOCOL))
#define FIELDS_OF_INBOUND_TRANSPORT TRANSPORT
#define FIELDS_OF_OUTBOUND_TRANSPORT TRANSPORT
/* The ports stand for type and code there. */
#define FIELDS_OF_INBOUND_ICMP_ERROR (TRANSPORT & ~BIT(IP_PROTOCOL))
#define FIELDS_OF_OUTBOUND_ICMP_ERROR (TRANSPORT & ~BIT(IP_PROTOCOL))
#define FIELDS_OF_IPFORWARD (BIT(FLAGS) | BIT(IP_LOCAL_INTERFACE))

static const struct {
  GUID guid;
  const char *name;
  UINT32 fields;
  BOOL v6;
} layers[] = {
#define ROW(name, base, v6, ...) {__VA_ARGS__, #name, FIELDS_OF_##base, v6},
    GENERATED_LAYERS(ROW)
#undef ROW
};

const char *layer_name(const GUID *g) {
  for (size_t i = 0; i < ARRAYSIZE(layers); i++) {
    if (IsEqualGUID(&layers[i].guid, g)) return layers[i].name;
  }
  return NULL;
}

static int field_of(const GUID *g) {
  for (int i = 0; i < FIELDS; i++) {
    if (IsEqualGUID(&fields[i].guid, g)) return i;
  }
  return -1;
}

const char *field_name(const GUID *g) {
  int field = field_of(g);
  return field < 0 ? NULL : fields[field].name;
}

BOOL field_type(const GUID *layer, const GUID *field, FWP_DATA_TYPE *type) {
  int f = field_of(field);
  for (size_t i = 0; f >= 0 && i < ARRAYSIZE(layers); i++) {
    if (!IsEqualGUID(&layers[i].guid, layer)) continue;
    if ((layers[i].fields & 1u << f) == 0) return FALSE;
    switch ((enum field)f) {
      case FIELD_ALE_APP_ID:
        *type = FWP_BYTE_BLOB_TYPE;
        return TRUE;
      case FIELD_ALE_USER_ID:
        *type = FWP_SECURITY_DESCRIPTOR_TYPE;
        return TRUE;
      case FIELD_ALE_PACKAGE_ID:
        *type = FWP_SID;
        return TRUE;
      case FIELD_IP_PROTOCOL:
        *type = FWP_UINT8;
        return TRUE;
      case FIELD_IP_LOCAL_ADDRESS: case FIELD_IP_REMOTE_ADDRESS:
        *type = layers[i].v6 ? FWP_BYTE_ARRAY16_TYPE : FWP_UINT32;
        return TRUE;
      case FIELD_IP_LOCAL_PORT: case FIELD_IP_REMOTE_PORT:
        *type = FWP_UINT16;
        return TRUE;
      case FIELD_IP_LOCAL_INTERFACE:
        *type = FWP_UINT64;
        return TRUE;
      case FIELD_FLAGS: case FIELD_INTERFACE_TYPE: case FIELD_L2_FLAGS:
        *type = FWP_UINT32;
        return TRUE;
      case FIELDS:
        return FALSE;
    }
  }
  return FALSE;
}
