/*
 * What FwpmFilterAdd0 costs from C: N filters of the shape of an exclusion (protocol, a range of ports, a network) in one
 * transaction. With CORDON_BFE_NULL=1 the calls return at once, so that what is left is the price of making them.
 * Prints one line of JSON.
 */
#include "../src/bfe.h"

static const GUID layer = {0xc38d57d1, 0x05a7, 0x4c33, {0x90, 0x4f, 0x7f, 0xbc, 0xee, 0xe6, 0x0e, 0x82}};
static const GUID protocol = {0x3971ef2b, 0x623e, 0x4f9a, {0x8c, 0xb1, 0x6e, 0x79, 0xb8, 0x06, 0xb9, 0xa7}};
static const GUID remote_port = {0xc35a604d, 0xd22b, 0x4e1a, {0x91, 0xb4, 0x68, 0xf6, 0x74, 0xee, 0x67, 0x4b}};
static const GUID remote_address = {0xb235ae9a, 0x1d64, 0x49b8, {0xa4, 0x4c, 0x5f, 0xf3, 0xd9, 0x09, 0x50, 0x45}};
static const GUID sublayer = {0xeebecc03, 0xced4, 0x4380, {0x81, 0x9a, 0x27, 0x34, 0x39, 0x7b, 0x2b, 0x74}};

static DWORD add(HANDLE engine, UINT32 n) {
  UINT64 id;
  WCHAR name[64];
  FWP_RANGE0 ports = {.valueLow = {.type = FWP_UINT16}, .valueHigh = {.type = FWP_UINT16}};
  FWP_V4_ADDR_AND_MASK network = {.addr = 0x0a000000 + (n << 8), .mask = 0xffffff00};
  FWPM_FILTER_CONDITION0 conditions[3] = {{.fieldKey = protocol}, {.fieldKey = remote_port}, {.fieldKey = remote_address}};
  ports.valueLow.uint16 = (UINT16)(1000 + n % 1000);
  ports.valueHigh.uint16 = (UINT16)(2000 + n % 1000);
  conditions[0].conditionValue.type = FWP_UINT8;
  conditions[0].conditionValue.uint8 = 6;
  conditions[1].matchType = FWP_MATCH_RANGE;
  conditions[1].conditionValue.type = FWP_RANGE_TYPE;
  conditions[1].conditionValue.rangeValue = &ports;
  conditions[2].conditionValue.type = FWP_V4_ADDR_MASK;
  conditions[2].conditionValue.v4AddrMask = &network;
  _snwprintf(name, 64, L"Exclusion %u", n);
  FWPM_FILTER0 filter = {.displayData = {.name = name}, .layerKey = layer, .subLayerKey = sublayer,
                         .weight = {.type = FWP_UINT8}, .numFilterConditions = 3, .filterCondition = conditions};
  filter.filterKey = layer;
  filter.filterKey.Data1 = n;
  filter.weight.uint8 = 11;
  filter.action.type = FWP_ACTION_PERMIT;
  return FwpmFilterAdd0(engine, &filter, NULL, &id);
}

static UINT64 now(void) {
  LARGE_INTEGER ticks, frequency;
  QueryPerformanceCounter(&ticks);
  QueryPerformanceFrequency(&frequency);
  return (UINT64)((double)ticks.QuadPart * 1e9 / (double)frequency.QuadPart);
}

int wmain(int count, WCHAR **words) {
  UINT32 filters = count > 1 ? wcstoul(words[1], NULL, 10) : 4000;
  HANDLE engine;
  if (FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, NULL, &engine) != 0) return 1;
  UINT64 start = now();
  DWORD failed = FwpmTransactionBegin0(engine, 0);
  for (UINT32 n = 0; !failed && n < filters; n++) failed = add(engine, n);
  UINT64 added = now();
  if (!failed) failed = FwpmTransactionCommit0(engine);
  UINT64 end = now();
  FwpmEngineClose0(engine);
  printf("{\"filters\":%u,\"nsPerFilter\":%llu,\"commitNs\":%llu,\"totalNs\":%llu}\n", filters,
         (unsigned long long)((added - start) / (filters ? filters : 1)), (unsigned long long)(end - added),
         (unsigned long long)(end - start));
  return failed ? 1 : 0;
}
