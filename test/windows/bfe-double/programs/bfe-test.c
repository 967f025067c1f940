/* Exercises the double from C: bfe-test.exe CASE. Prints what is not as it should be; the exit code is 1 then. */
#include "bfe-test.h"

int failures;

const GUID connect_v4 = {0xc38d57d1, 0x05a7, 0x4c33, {0x90, 0x4f, 0x7f, 0xbc, 0xee, 0xe6, 0x0e, 0x82}};
const GUID connect_v6 = {0x4a72393b, 0x319f, 0x44bc, {0x84, 0xc3, 0xba, 0x54, 0xdc, 0xb3, 0xb6, 0xb4}};
const GUID protocol = {0x3971ef2b, 0x623e, 0x4f9a, {0x8c, 0xb1, 0x6e, 0x79, 0xb8, 0x06, 0xb9, 0xa7}};
const GUID remote_port = {0xc35a604d, 0xd22b, 0x4e1a, {0x91, 0xb4, 0x68, 0xf6, 0x74, 0xee, 0x67, 0x4b}};
const GUID remote_address = {0xb235ae9a, 0x1d64, 0x49b8, {0xa4, 0x4c, 0x5f, 0xf3, 0xd9, 0x09, 0x50, 0x45}};
const GUID app_id = {0xd78e1e87, 0x8644, 0x4ea5, {0x94, 0x37, 0xd8, 0x09, 0xec, 0xef, 0xc9, 0x71}};
const GUID user_id = {0xaf043a0a, 0xb34d, 0x4f86, {0x97, 0x9c, 0xc9, 0x03, 0x71, 0xaf, 0x6e, 0x66}};
const GUID package_id = {0x71bc78fa, 0xf17c, 0x4997, {0xa6, 0x02, 0x6a, 0xbb, 0x26, 0x1f, 0x35, 0x1c}};
const GUID flags_field = {0x632ce23b, 0x5167, 0x435c, {0x86, 0xd7, 0xe9, 0x03, 0x68, 0x4a, 0xa8, 0x0c}};

void expect(DWORD got, DWORD wanted, const char *what, int line) {
  if (got == wanted) return;
  printf("line %d: %s gave 0x%lx, not 0x%lx\n", line, what, got, wanted);
  failures++;
}

void hold(BOOL holds, const char *what, int line) {
  if (holds) return;
  printf("line %d: %s does not hold\n", line, what);
  failures++;
}

GUID key(UINT32 n) {
  return (GUID){n, 0x1234, 0x4567, {0x89, 0xab, 0xcd, 0xef, 1, 2, 3, 4}};
}

HANDLE open_engine(UINT32 flags, UINT32 wait_ms) {
  HANDLE engine = NULL;
  FWPM_SESSION0 session = {.displayData = {.name = L"Test aus Köln"}, .flags = flags, .txnWaitTimeoutInMSec = wait_ms};
  EXPECT(FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, &session, &engine), 0);
  return engine;
}

DWORD add_provider(HANDLE engine, UINT32 n, UINT32 flags) {
  FWPM_PROVIDER0 provider = {.providerKey = key(n), .displayData = {.name = L"Provider"}, .flags = flags};
  return FwpmProviderAdd0(engine, &provider, NULL);
}

DWORD add_sublayer(HANDLE engine, UINT32 n, UINT32 provider, UINT32 flags) {
  GUID owner = key(provider);
  FWPM_SUBLAYER0 sublayer = {.subLayerKey = key(n), .displayData = {.name = L"Sublayer"}, .weight = 0xffff};
  sublayer.flags = (UINT16)flags;
  sublayer.providerKey = provider == 0 ? NULL : &owner;
  return FwpmSubLayerAdd0(engine, &sublayer, NULL);
}

FWPM_FILTER0 filter(UINT32 n, UINT32 sublayer) {
  FWPM_FILTER0 f = {.filterKey = key(n), .displayData = {.name = L"Filter"}, .layerKey = connect_v4,
                    .subLayerKey = key(sublayer)};
  f.action.type = FWP_ACTION_BLOCK;
  return f;
}

DWORD add_filter(HANDLE engine, UINT32 n, UINT32 sublayer, UINT32 flags) {
  FWPM_FILTER0 f = filter(n, sublayer);
  f.flags = flags;
  return FwpmFilterAdd0(engine, &f, NULL, NULL);
}

DWORD get_filter(HANDLE engine, UINT32 n) {
  GUID k = key(n);
  FWPM_FILTER0 *found = NULL;
  DWORD result = FwpmFilterGetByKey0(engine, &k, &found);
  if (result == 0) FwpmFreeMemory0((void **)&found);
  return result;
}

DWORD delete_filter(HANDLE engine, UINT32 n) {
  GUID k = key(n);
  return FwpmFilterDeleteByKey0(engine, &k);
}

UINT32 count_filters(HANDLE engine, UINT32 flags) {
  FWPM_FILTER_ENUM_TEMPLATE0 template = {.layerKey = connect_v4, .flags = flags, .actionMask = 0xffffffff};
  HANDLE handle = NULL;
  FWPM_FILTER0 **entries = NULL;
  UINT32 count = 0;
  EXPECT(FwpmFilterCreateEnumHandle0(engine, &template, &handle), 0);
  EXPECT(FwpmFilterEnum0(engine, handle, 100, &entries, &count), 0);
  FwpmFreeMemory0((void **)&entries);
  EXPECT(FwpmFilterDestroyEnumHandle0(engine, handle), 0);
  return count;
}

/* Adds persistent objects and one filter of every lifetime, then stays until it is ended, with a transaction open. */
static void stay_case(void) {
  HANDLE engine = open_engine(0, 0), dynamic = open_engine(FWPM_SESSION_FLAG_DYNAMIC, 0);
  EXPECT(add_provider(engine, 1, FWPM_OBJECT_FLAG_PERSISTENT), 0);
  EXPECT(add_sublayer(engine, 2, 1, FWPM_OBJECT_FLAG_PERSISTENT), 0);
  EXPECT(add_sublayer(engine, 3, 0, 0), 0);
  EXPECT(add_filter(engine, 10, 3, 0), 0);
  FWPM_FILTER0 f = filter(11, 2);
  GUID owner = key(1);
  f.providerKey = &owner;
  f.flags = FWPM_OBJECT_FLAG_PERSISTENT;
  EXPECT(FwpmFilterAdd0(engine, &f, NULL, NULL), 0);
  f.filterKey = key(12);
  f.flags = FWPM_FILTER_FLAG_BOOTTIME;
  EXPECT(FwpmFilterAdd0(engine, &f, NULL, NULL), 0);
  EXPECT(add_filter(dynamic, 13, 3, 0), 0);
  EXPECT(FwpmTransactionBegin0(engine, 0), 0);
  EXPECT(add_filter(engine, 14, 3, 0), 0);
  printf("%s\n", failures ? "failed" : "ready");
  fflush(stdout);
  Sleep(60000);
}

static void CALLBACK changed(void *context, const FWPM_FILTER_CHANGE0 *change) {
  printf("%s %lx %s\n", change->changeType == FWPM_CHANGE_ADD ? "added" : "deleted", change->filterKey.Data1,
         (const char *)context);
  fflush(stdout);
}

/* Prints changes until it is ended. */
static void listen_case(void) {
  HANDLE engine = open_engine(0, 0), handle;
  FWPM_FILTER_SUBSCRIPTION0 all = {.flags = FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_ADD | FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_DELETE};
  EXPECT(FwpmFilterSubscribeChanges0(engine, &all, changed, "seen", &handle), 0);
  FWPM_FILTER_ENUM_TEMPLATE0 template = {.layerKey = connect_v6, .actionMask = 0xffffffff};
  FWPM_FILTER_SUBSCRIPTION0 elsewhere = {.enumTemplate = &template, .flags = FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_ADD};
  EXPECT(FwpmFilterSubscribeChanges0(engine, &elsewhere, changed, "seen elsewhere", &handle), 0);
  template.layerKey = GUID_NULL;
  EXPECT(FwpmFilterSubscribeChanges0(engine, &elsewhere, changed, "", &handle), FWP_E_LAYER_NOT_FOUND);
  elsewhere.flags = 0;
  EXPECT(FwpmFilterSubscribeChanges0(engine, &elsewhere, changed, "", &handle), FWP_E_INVALID_FLAGS);
  /* Its own changes are none of its news. */
  EXPECT(add_sublayer(engine, 2, 0, 0), 0);
  EXPECT(add_filter(engine, 20, 2, 0), 0);
  printf("%s\n", failures ? "failed" : "ready");
  fflush(stdout);
  Sleep(60000);
}

/* Many transactions one after the other: nothing may be left of them. */
static void cycles_case(void) {
  HANDLE engine = open_engine(0, 0);
  EXPECT(add_sublayer(engine, 2, 0, 0), 0);
  EXPECT(CordonBfeControl("lazy on"), 0);
  for (int i = 0; i < 1000 && failures == 0; i++) {
    EXPECT(FwpmTransactionBegin0(engine, 0), 0);
    EXPECT(i % 2 == 0 ? add_filter(engine, 10, 2, 0) : delete_filter(engine, 10), 0);
    EXPECT(FwpmTransactionCommit0(engine), 0);
    EXPECT(count_filters(engine, 0), i % 2 == 0 ? 1 : 0);
  }
  EXPECT(FwpmEngineClose0(engine), 0);
}

/* Adds two filters and deletes one, from outside. */
static void change_case(void) {
  HANDLE engine = open_engine(0, 0);
  EXPECT(add_filter(engine, 21, 2, 0), 0);
  EXPECT(FwpmTransactionBegin0(engine, 0), 0);
  EXPECT(add_filter(engine, 22, 2, 0), 0);
  EXPECT(delete_filter(engine, 21), 0);
  EXPECT(FwpmTransactionCommit0(engine), 0);
  EXPECT(FwpmEngineClose0(engine), 0);
}

static const struct {
  const WCHAR *name;
  void (*run)(void);
} cases[] = {{L"objects", objects_case},         {L"transactions", transactions_case}, {L"conditions", conditions_case},
             {L"values", values_case},           {L"enumeration", enumeration_case},   {L"memory", memory_case},
             {L"sessions", sessions_case},       {L"locks", locks_case},               {L"faults", faults_case},
             {L"phases", phases_case},           {L"applications", applications_case}, {L"security", security_case},
             {L"stay", stay_case},               {L"listen", listen_case},             {L"change", change_case},
             {L"cycles", cycles_case}};

int wmain(int count, WCHAR **words) {
  for (size_t i = 0; count > 1 && i < ARRAYSIZE(cases); i++) {
    if (wcscmp(cases[i].name, words[1]) != 0) continue;
    cases[i].run();
    printf("done, %d failures\n", failures);
    return failures == 0 ? 0 : 1;
  }
  printf("no such case\n");
  return 2;
}
