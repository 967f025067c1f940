/*
 * The same filters as Cordon's binding adds, added by C: reads them from a file (bench/wfp/records.ts writes it), then for each
 * round fills the structures and calls the engine, one transaction a round. Prints the milliseconds of each round. What a
 * round added is removed after it, which is not measured.
 */
#define _WIN32_WINNT 0x0602
#define INITGUID
#include <windows.h>
#include <fwpmu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CONDITIONS 64
/* FWPM_PROVIDER_FLAG_PERSISTENT and FWPM_SUBLAYER_FLAG_PERSISTENT, which mingw-w64 lacks. */
#define PERSISTENT 1

typedef struct {
  GUID field;
  UINT32 match;
  UINT32 type;
  UINT32 size;
  const BYTE *bytes;
} Condition;

typedef struct {
  GUID key, provider, layer, sublayer;
  UINT32 flags, action;
  UINT8 weight;
  UINT32 dataSize, count;
  const BYTE *data;
  const WCHAR *name, *description;
  const Condition *conditions;
} Record;

static const BYTE *at;

static void take(void *into, size_t size) {
  memcpy(into, at, size);
  at += size;
}

static UINT32 takeNumber(void) {
  UINT32 number;
  take(&number, sizeof number);
  return number;
}

static const BYTE *takeBytes(UINT32 *size) {
  const BYTE *bytes = at + sizeof *size;
  *size = takeNumber();
  at += *size;
  return bytes;
}

static void takeRecord(Record *record) {
  UINT32 size;
  take(&record->key, sizeof(GUID));
  take(&record->provider, sizeof(GUID));
  take(&record->layer, sizeof(GUID));
  take(&record->sublayer, sizeof(GUID));
  record->flags = takeNumber();
  record->action = takeNumber();
  record->weight = (UINT8)takeNumber();
  record->name = (const WCHAR *)takeBytes(&size);
  record->description = (const WCHAR *)takeBytes(&size);
  record->data = takeBytes(&record->dataSize);
  record->count = takeNumber();
  Condition *conditions = calloc(record->count ? record->count : 1, sizeof *conditions);
  for (UINT32 index = 0; index < record->count; index++) {
    take(&conditions[index].field, sizeof(GUID));
    conditions[index].match = takeNumber();
    conditions[index].type = takeNumber();
    conditions[index].bytes = takeBytes(&conditions[index].size);
  }
  record->conditions = conditions;
}

/* What a condition points to. */
typedef struct {
  FWP_BYTE_BLOB blob;
  FWP_V4_ADDR_AND_MASK v4;
  FWP_V6_ADDR_AND_MASK v6;
  FWP_BYTE_ARRAY16 array;
  FWP_RANGE0 range;
  FWP_BYTE_ARRAY16 low, high;
  UINT64 number;
} Target;

static void fillCondition(FWPM_FILTER_CONDITION0 *condition, Target *target, const Condition *from) {
  condition->fieldKey = from->field;
  condition->matchType = (FWP_MATCH_TYPE)from->match;
  condition->conditionValue.type = (FWP_DATA_TYPE)from->type;
  switch (from->type) {
  case FWP_UINT8:
    condition->conditionValue.uint8 = from->bytes[0];
    break;
  case FWP_UINT16:
    memcpy(&condition->conditionValue.uint16, from->bytes, 2);
    break;
  case FWP_UINT32:
    memcpy(&condition->conditionValue.uint32, from->bytes, 4);
    break;
  case FWP_UINT64:
    memcpy(&target->number, from->bytes, 8);
    condition->conditionValue.uint64 = &target->number;
    break;
  case FWP_BYTE_ARRAY16_TYPE:
    memcpy(&target->array, from->bytes, 16);
    condition->conditionValue.byteArray16 = &target->array;
    break;
  case FWP_BYTE_BLOB_TYPE:
  case FWP_SECURITY_DESCRIPTOR_TYPE:
    target->blob.size = from->size;
    target->blob.data = (UINT8 *)from->bytes;
    condition->conditionValue.byteBlob = &target->blob;
    break;
  case FWP_V4_ADDR_MASK:
    memcpy(&target->v4, from->bytes, 8);
    condition->conditionValue.v4AddrMask = &target->v4;
    break;
  case FWP_V6_ADDR_MASK:
    memcpy(&target->v6, from->bytes, 17);
    condition->conditionValue.v6AddrMask = &target->v6;
    break;
  case FWP_RANGE_TYPE: {
    UINT32 type;
    memcpy(&type, from->bytes, 4);
    target->range.valueLow.type = target->range.valueHigh.type = (FWP_DATA_TYPE)type;
    if (type == FWP_UINT16) {
      memcpy(&target->range.valueLow.uint16, from->bytes + 4, 2);
      memcpy(&target->range.valueHigh.uint16, from->bytes + 6, 2);
    } else if (type == FWP_UINT32) {
      memcpy(&target->range.valueLow.uint32, from->bytes + 4, 4);
      memcpy(&target->range.valueHigh.uint32, from->bytes + 8, 4);
    } else {
      memcpy(&target->low, from->bytes + 4, 16);
      memcpy(&target->high, from->bytes + 20, 16);
      target->range.valueLow.byteArray16 = &target->low;
      target->range.valueHigh.byteArray16 = &target->high;
    }
    condition->conditionValue.rangeValue = &target->range;
    break;
  }
  default:
    fprintf(stderr, "value type %u is not known here\n", (unsigned)from->type);
    exit(1);
  }
}

static PSECURITY_DESCRIPTOR security;

static DWORD addProvider(HANDLE engine, const Record *record) {
  FWPM_PROVIDER0 provider;
  memset(&provider, 0, sizeof provider);
  provider.providerKey = record->provider;
  provider.displayData.name = L"Cordon";
  provider.flags = PERSISTENT;
  return FwpmProviderAdd0(engine, &provider, security);
}

static DWORD addSublayer(HANDLE engine, const Record *record) {
  FWPM_SUBLAYER0 sublayer;
  memset(&sublayer, 0, sizeof sublayer);
  sublayer.subLayerKey = record->sublayer;
  sublayer.displayData.name = L"Cordon";
  sublayer.flags = PERSISTENT;
  sublayer.providerKey = (GUID *)&record->provider;
  sublayer.weight = 0xffff;
  return FwpmSubLayerAdd0(engine, &sublayer, security);
}

static DWORD addFilter(HANDLE engine, const Record *record) {
  FWPM_FILTER_CONDITION0 conditions[MOST_CONDITIONS];
  Target targets[MOST_CONDITIONS];
  FWPM_FILTER0 filter;
  UINT64 id;
  memset(&filter, 0, sizeof filter);
  memset(conditions, 0, record->count * sizeof *conditions);
  filter.filterKey = record->key;
  filter.displayData.name = (WCHAR *)record->name;
  filter.displayData.description = (WCHAR *)record->description;
  filter.flags = record->flags;
  filter.providerKey = (GUID *)&record->provider;
  filter.providerData.size = record->dataSize;
  filter.providerData.data = (UINT8 *)record->data;
  filter.layerKey = record->layer;
  filter.subLayerKey = record->sublayer;
  filter.weight.type = FWP_UINT8;
  filter.weight.uint8 = record->weight;
  filter.action.type = record->action;
  filter.numFilterConditions = record->count;
  filter.filterCondition = conditions;
  for (UINT32 index = 0; index < record->count; index++) {
    fillCondition(&conditions[index], &targets[index], &record->conditions[index]);
  }
  return FwpmFilterAdd0(engine, &filter, security, &id);
}

static void must(DWORD code, const char *call) {
  if (code == ERROR_SUCCESS) return;
  fprintf(stderr, "%s failed with 0x%08lx\n", call, (unsigned long)code);
  exit(1);
}

static void addAll(HANDLE engine, const Record *records, UINT32 count) {
  must(FwpmTransactionBegin0(engine, 0), "FwpmTransactionBegin0");
  must(addProvider(engine, records), "FwpmProviderAdd0");
  must(addSublayer(engine, records), "FwpmSubLayerAdd0");
  for (UINT32 index = 0; index < count; index++) must(addFilter(engine, &records[index]), "FwpmFilterAdd0");
  must(FwpmTransactionCommit0(engine), "FwpmTransactionCommit0");
}

static void removeAll(HANDLE engine, const Record *records, UINT32 count) {
  must(FwpmTransactionBegin0(engine, 0), "FwpmTransactionBegin0");
  for (UINT32 index = 0; index < count; index++) FwpmFilterDeleteByKey0(engine, &records[index].key);
  FwpmSubLayerDeleteByKey0(engine, &records->sublayer);
  FwpmProviderDeleteByKey0(engine, &records->provider);
  must(FwpmTransactionCommit0(engine), "FwpmTransactionCommit0");
}

/* Empties the double and has it write nothing down meanwhile. */
static void prepareDouble(void) {
  typedef UINT32(WINAPI * Control)(const char *);
  HMODULE library = GetModuleHandleW(L"fwpuclnt.dll");
  Control control = (Control)(void *)GetProcAddress(library, "CordonBfeControl");
  if (control) must(control("reset\njournal off\nlazy on"), "CordonBfeControl");
}

int wmain(int argc, WCHAR **argv) {
  if (argc != 3) return 2;
  FILE *file = _wfopen(argv[1], L"rb");
  if (!file) return 2;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  BYTE *content = malloc(size);
  if (fread(content, 1, size, file) != (size_t)size) return 2;
  at = content;
  UINT32 size32;
  security = (PSECURITY_DESCRIPTOR)takeBytes(&size32);
  UINT32 count = takeNumber();
  Record *records = calloc(count, sizeof *records);
  for (UINT32 index = 0; index < count; index++) {
    takeRecord(&records[index]);
    if (records[index].count > MOST_CONDITIONS) return 2;
  }
  if (count == 0) return 2;
  prepareDouble();
  HANDLE engine;
  must(FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, NULL, &engine), "FwpmEngineOpen0");
  LARGE_INTEGER frequency, start, end;
  QueryPerformanceFrequency(&frequency);
  for (int round = _wtoi(argv[2]); round > 0; round--) {
    QueryPerformanceCounter(&start);
    addAll(engine, records, count);
    QueryPerformanceCounter(&end);
    printf("%.6f\n", (double)(end.QuadPart - start.QuadPart) * 1000.0 / (double)frequency.QuadPart);
    removeAll(engine, records, count);
  }
  FwpmEngineClose0(engine);
  return 0;
}
