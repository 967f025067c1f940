/* Conditions, values, memory, files, security descriptors. */
#include "bfe-test.h"

static DWORD try_condition(HANDLE engine, const GUID *layer, const GUID *field, int match, FWP_CONDITION_VALUE0 value) {
  FWPM_FILTER_CONDITION0 condition = {.fieldKey = *field, .matchType = (FWP_MATCH_TYPE)match, .conditionValue = value};
  FWPM_FILTER0 f = filter(10, 2);
  f.layerKey = *layer;
  f.numFilterConditions = 1;
  f.filterCondition = &condition;
  DWORD result = FwpmFilterAdd0(engine, &f, NULL, NULL);
  if (result == 0) EXPECT(delete_filter(engine, 10), 0);
  return result;
}

#define VALUE(kind, member, content) ((FWP_CONDITION_VALUE0){.type = (kind), .member = (content)})
#define TRY(field, match, value) try_condition(engine, &connect_v4, &(field), match, value)

void conditions_case(void) {
  HANDLE engine = open_engine(0, 0);
  EXPECT(add_sublayer(engine, 2, 0, 0), 0);
  GUID unknown = key(99), mac = {0x7bc43cbf, 0x37ba, 0x45f1, {0xb7, 0x4a, 0x82, 0xff, 0x51, 0x8e, 0xeb, 0x10}};
  EXPECT(TRY(unknown, FWP_MATCH_EQUAL, VALUE(FWP_UINT8, uint8, 6)), FWP_E_CONDITION_NOT_FOUND);
  EXPECT(TRY(mac, FWP_MATCH_EQUAL, VALUE(FWP_UINT32, uint32, 6)), FWP_E_CONDITION_NOT_FOUND);
  EXPECT(TRY(protocol, FWP_MATCH_EQUAL, VALUE(FWP_UINT8, uint8, 6)), 0);
  EXPECT(TRY(protocol, FWP_MATCH_EQUAL, VALUE(FWP_UINT16, uint16, 6)), FWP_E_TYPE_MISMATCH);
  EXPECT(TRY(protocol, FWP_MATCH_EQUAL_CASE_INSENSITIVE, VALUE(FWP_UINT8, uint8, 6)), FWP_E_MATCH_TYPE_MISMATCH);
  EXPECT(TRY(protocol, 13, VALUE(FWP_UINT8, uint8, 6)), FWP_E_MATCH_TYPE_MISMATCH);
  EXPECT(TRY(flags_field, FWP_MATCH_FLAGS_ALL_SET, VALUE(FWP_UINT32, uint32, 1)), 0);

  FWP_RANGE0 range = {.valueLow = {.type = FWP_UINT16}, .valueHigh = {.type = FWP_UINT16}};
  range.valueLow.uint16 = 2000;
  range.valueHigh.uint16 = 1000;
  EXPECT(TRY(remote_port, FWP_MATCH_RANGE, VALUE(FWP_RANGE_TYPE, rangeValue, &range)), FWP_E_INVALID_RANGE);
  range.valueHigh.uint16 = 2000;
  EXPECT(TRY(remote_port, FWP_MATCH_RANGE, VALUE(FWP_RANGE_TYPE, rangeValue, &range)), 0);
  EXPECT(TRY(remote_port, FWP_MATCH_EQUAL, VALUE(FWP_RANGE_TYPE, rangeValue, &range)), FWP_E_MATCH_TYPE_MISMATCH);
  EXPECT(TRY(remote_port, FWP_MATCH_RANGE, VALUE(FWP_UINT16, uint16, 1)), FWP_E_MATCH_TYPE_MISMATCH);
  range.valueHigh.type = FWP_UINT32;
  EXPECT(TRY(remote_port, FWP_MATCH_RANGE, VALUE(FWP_RANGE_TYPE, rangeValue, &range)), FWP_E_TYPE_MISMATCH);
  EXPECT(TRY(remote_port, FWP_MATCH_RANGE, VALUE(FWP_RANGE_TYPE, rangeValue, NULL)), FWP_E_NULL_POINTER);

  FWP_V4_ADDR_AND_MASK v4 = {0x0a000000, 0xff00ff00};
  EXPECT(TRY(remote_address, FWP_MATCH_EQUAL, VALUE(FWP_V4_ADDR_MASK, v4AddrMask, &v4)), FWP_E_INVALID_NET_MASK);
  v4.mask = 0xff000000;
  EXPECT(TRY(remote_address, FWP_MATCH_EQUAL, VALUE(FWP_V4_ADDR_MASK, v4AddrMask, &v4)), 0);
  EXPECT(TRY(remote_port, FWP_MATCH_EQUAL, VALUE(FWP_V4_ADDR_MASK, v4AddrMask, &v4)), FWP_E_TYPE_MISMATCH);
  EXPECT(TRY(flags_field, FWP_MATCH_EQUAL, VALUE(FWP_V4_ADDR_MASK, v4AddrMask, &v4)), FWP_E_TYPE_MISMATCH);
  FWP_V6_ADDR_AND_MASK v6 = {.prefixLength = 129};
  EXPECT(TRY(remote_address, FWP_MATCH_EQUAL, VALUE(FWP_V6_ADDR_MASK, v6AddrMask, &v6)), FWP_E_TYPE_MISMATCH);
  FWP_CONDITION_VALUE0 prefix = VALUE(FWP_V6_ADDR_MASK, v6AddrMask, &v6);
  EXPECT(try_condition(engine, &connect_v6, &remote_address, FWP_MATCH_EQUAL, prefix), FWP_E_INVALID_NET_MASK);
  v6.prefixLength = 128;
  EXPECT(try_condition(engine, &connect_v6, &remote_address, FWP_MATCH_EQUAL, prefix), 0);

  BYTE bytes[64] = {1};
  FWP_BYTE_BLOB blob = {0, bytes};
  EXPECT(TRY(app_id, FWP_MATCH_EQUAL, VALUE(FWP_BYTE_BLOB_TYPE, byteBlob, &blob)), FWP_E_ZERO_LENGTH_ARRAY);
  blob.size = 8;
  EXPECT(TRY(app_id, FWP_MATCH_EQUAL, VALUE(FWP_BYTE_BLOB_TYPE, byteBlob, &blob)), 0);
  blob.data = NULL;
  EXPECT(TRY(app_id, FWP_MATCH_EQUAL, VALUE(FWP_BYTE_BLOB_TYPE, byteBlob, &blob)), FWP_E_NULL_POINTER);
  /* The descriptor itself in place of a blob of it is a classic mistake; bytes that are none are another. */
  memset(bytes, 7, sizeof bytes);
  FWP_BYTE_BLOB no_descriptor = {sizeof bytes, bytes};
  EXPECT(TRY(user_id, FWP_MATCH_EQUAL, VALUE(FWP_SECURITY_DESCRIPTOR_TYPE, sd, &no_descriptor)), E_INVALID_SD);
  EXPECT(FwpmEngineClose0(engine), 0);
}

static const BYTE sid_bytes[] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};

static DWORD add_rich(HANDLE engine, UINT32 n) {
  static WCHAR app[] = L"\\device\\harddiskvolume1\\größe\\日本.exe";
  SECURITY_DESCRIPTOR_RELATIVE sd = {.Revision = 1, .Control = SE_SELF_RELATIVE};
  FWP_BYTE_BLOB app_blob = {sizeof app, (UINT8 *)app}, sd_blob = {sizeof sd, (UINT8 *)&sd};
  FWP_V6_ADDR_AND_MASK network = {{0x20, 1, 0x0d, 0xb8, [15] = 1}, 64};
  FWP_BYTE_ARRAY16 low = {{0xfe, 0x80}}, high = {{0xfe, 0x80, [15] = 0xff}};
  FWP_RANGE0 range = {.valueLow = {.type = FWP_BYTE_ARRAY16_TYPE}, .valueHigh = {.type = FWP_BYTE_ARRAY16_TYPE}};
  range.valueLow.byteArray16 = &low;
  range.valueHigh.byteArray16 = &high;
  UINT64 weight = 0xfedcba9876543210ull;
  FWPM_FILTER_CONDITION0 c[] = {
      {protocol, FWP_MATCH_EQUAL, VALUE(FWP_UINT8, uint8, 17)},
      {app_id, FWP_MATCH_EQUAL, VALUE(FWP_BYTE_BLOB_TYPE, byteBlob, &app_blob)},
      {user_id, FWP_MATCH_EQUAL, VALUE(FWP_SECURITY_DESCRIPTOR_TYPE, sd, &sd_blob)},
      {package_id, FWP_MATCH_EQUAL, VALUE(FWP_SID, sid, (SID *)sid_bytes)},
      {remote_address, FWP_MATCH_EQUAL, VALUE(FWP_V6_ADDR_MASK, v6AddrMask, &network)},
      {remote_address, FWP_MATCH_RANGE, VALUE(FWP_RANGE_TYPE, rangeValue, &range)},
      {remote_port, FWP_MATCH_NOT_EQUAL, VALUE(FWP_UINT16, uint16, 65535)},
      {flags_field, FWP_MATCH_FLAGS_NONE_SET, VALUE(FWP_UINT32, uint32, 0x80000001)}};
  FWPM_FILTER0 f = filter(n, 2);
  f.layerKey = connect_v6;
  f.displayData.name = L"Größe \"日本\" \\ 𝄞\n";
  f.displayData.description = L"β";
  f.numFilterConditions = ARRAYSIZE(c);
  f.filterCondition = c;
  f.flags = FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT;
  f.weight.type = FWP_UINT64;
  f.weight.uint64 = &weight;
  f.providerData = (FWP_BYTE_BLOB){sizeof sid_bytes, (UINT8 *)sid_bytes};
  f.rawContext = 42;
  return FwpmFilterAdd0(engine, &f, NULL, NULL);
}

static void read_rich(HANDLE engine, UINT32 n) {
  GUID k = key(n);
  FWPM_FILTER0 *given = NULL, f;
  FWPM_FILTER_CONDITION0 c[8];
  EXPECT(FwpmFilterGetByKey0(engine, &k, &given), 0);
  memcpy(&f, given, sizeof f);
  HOLDS(f.numFilterConditions == 8 && f.rawContext == 42 && f.providerData.size == sizeof sid_bytes);
  memcpy(c, f.filterCondition, sizeof c);
  HOLDS(c[0].conditionValue.uint8 == 17 && c[6].conditionValue.uint16 == 65535);
  HOLDS(memcmp(c[3].conditionValue.sid, sid_bytes, sizeof sid_bytes) == 0);
  HOLDS(c[4].conditionValue.v6AddrMask->addr[15] == 1 && c[4].conditionValue.v6AddrMask->prefixLength == 64);
  HOLDS(memcmp(f.providerData.data, sid_bytes, sizeof sid_bytes) == 0);
  FwpmFreeMemory0((void **)&given);
}

void values_case(void) {
  HANDLE engine = open_engine(0, 0);
  EXPECT(add_sublayer(engine, 2, 0, 0), 0);
  EXPECT(add_rich(engine, 10), 0);
  read_rich(engine, 10);
  EXPECT(CordonBfeControl("odd-addresses on"), 0);
  read_rich(engine, 10);
  EXPECT(CordonBfeControl("odd-addresses off"), 0);
  EXPECT(FwpmEngineClose0(engine), 0);
}

void memory_case(void) {
  HANDLE engine = open_engine(0, 0);
  GUID universal = {0xeebecc03, 0xced4, 0x4380, {0x81, 0x9a, 0x27, 0x34, 0x39, 0x7b, 0x2b, 0x74}};
  FWPM_SUBLAYER0 *found = NULL, *kept = NULL, *leaked = NULL;
  EXPECT(FwpmSubLayerGetByKey0(engine, &universal, &found), 0);
  kept = found;
  FwpmFreeMemory0((void **)&found);
  HOLDS(((BYTE *)kept)[40] == 0xdd);
  FwpmFreeMemory0((void **)&kept);
  int foreign = 0;
  void *address = &foreign;
  FwpmFreeMemory0(&address);
  void *nothing = NULL;
  FwpmFreeMemory0(&nothing);
  EXPECT(FwpmSubLayerGetByKey0(engine, &universal, &leaked), 0);
  EXPECT(CordonBfeControl("dump"), 0);
}

void applications_case(void) {
  FWP_BYTE_BLOB *blob = NULL;
  EXPECT(FwpmGetAppIdFromFileName0(L"C:\\no\\such\\file.exe", &blob), ERROR_PATH_NOT_FOUND);
  EXPECT(FwpmGetAppIdFromFileName0(L"C:\\Windows\\no-such-file.exe", &blob), ERROR_FILE_NOT_FOUND);
  EXPECT(FwpmGetAppIdFromFileName0(L"C:\\Windows\\System32\\NotePad.exe", &blob), 0);
  if (blob == NULL) return;
  const WCHAR *path = (const WCHAR *)blob->data;
  HOLDS(wcsncmp(path, L"\\device\\harddiskvolume", 22) == 0);
  HOLDS(wcsstr(path, L"\\windows\\system32\\notepad.exe") != NULL);
  HOLDS(blob->size == (wcslen(path) + 1) * 2);
  FwpmFreeMemory0((void **)&blob);
}

void security_case(void) {
  HANDLE engine = open_engine(0, 0);
  EXPECT(add_sublayer(engine, 2, 0, 0), 0);
  BYTE acl_bytes[64];
  ACL *acl = (ACL *)acl_bytes, *dacl = NULL;
  GUID k = key(2);
  PSECURITY_DESCRIPTOR sd = NULL;
  HOLDS(InitializeAcl(acl, sizeof acl_bytes, ACL_REVISION));
  HOLDS(AddAccessDeniedAce(acl, ACL_REVISION, 0x10000, (PSID)sid_bytes));
  DWORD WINAPI FwpmSubLayerSetSecurityInfoByKey0(HANDLE, const GUID *, SECURITY_INFORMATION, const SID *, const SID *,
                                                 const ACL *, const ACL *);
  EXPECT(FwpmSubLayerSetSecurityInfoByKey0(engine, &k, DACL_SECURITY_INFORMATION, NULL, NULL, acl, NULL), 0);
  EXPECT(FwpmSubLayerGetSecurityInfoByKey0(engine, &k, DACL_SECURITY_INFORMATION, NULL, NULL, &dacl, NULL, &sd), 0);
  HOLDS(dacl != NULL && dacl->AceCount == 1);
  FwpmFreeMemory0((void **)&sd);
  EXPECT(FwpmTransactionBegin0(engine, 0), 0);
  EXPECT(FwpmSubLayerSetSecurityInfoByKey0(engine, &k, DACL_SECURITY_INFORMATION, NULL, NULL, acl, NULL),
         FWP_E_TXN_IN_PROGRESS);
  EXPECT(FwpmEngineClose0(engine), 0);
}
