/* Objects, transactions, enumeration, phases. */
#include "bfe-test.h"

void objects_case(void) {
  HANDLE engine = open_engine(0, 0);
  GUID k = key(2), provider = key(1), universal = {0xeebecc03, 0xced4, 0x4380, {0x81, 0x9a, 0x27, 0x34, 0x39, 0x7b, 0x2b, 0x74}};
  EXPECT(add_provider(engine, 1, 0), 0);
  EXPECT(add_provider(engine, 1, 0), FWP_E_ALREADY_EXISTS);
  EXPECT(add_provider(engine, 4, 0x10), FWP_E_INVALID_FLAGS);
  EXPECT(add_sublayer(engine, 2, 9, 0), FWP_E_PROVIDER_NOT_FOUND);
  EXPECT(add_sublayer(engine, 2, 1, FWPM_OBJECT_FLAG_PERSISTENT), FWP_E_LIFETIME_MISMATCH);
  EXPECT(add_sublayer(engine, 2, 1, 0), 0);
  EXPECT(add_filter(engine, 10, 9, 0), FWP_E_SUBLAYER_NOT_FOUND);
  EXPECT(add_filter(engine, 10, 2, FWPM_OBJECT_FLAG_PERSISTENT), FWP_E_LIFETIME_MISMATCH);
  EXPECT(add_filter(engine, 10, 2, FWPM_FILTER_FLAG_BOOTTIME), FWP_E_LIFETIME_MISMATCH);
  EXPECT(add_filter(engine, 10, 2, FWPM_FILTER_FLAG_BOOTTIME | FWPM_OBJECT_FLAG_PERSISTENT), FWP_E_INVALID_FLAGS);
  EXPECT(add_filter(engine, 10, 2, 0x20), FWP_E_INVALID_FLAGS);
  EXPECT(add_filter(engine, 10, 2, 0), 0);
  EXPECT(add_filter(engine, 10, 2, 0), FWP_E_ALREADY_EXISTS);
  EXPECT(FwpmSubLayerDeleteByKey0(engine, &k), FWP_E_IN_USE);
  EXPECT(FwpmProviderDeleteByKey0(engine, &provider), FWP_E_IN_USE);
  EXPECT(FwpmSubLayerDeleteByKey0(engine, &universal), FWP_E_BUILTIN_OBJECT);

  /* Persistent objects of two providers do not mix. */
  EXPECT(add_provider(engine, 5, FWPM_OBJECT_FLAG_PERSISTENT), 0);
  EXPECT(add_provider(engine, 6, FWPM_OBJECT_FLAG_PERSISTENT), 0);
  EXPECT(add_sublayer(engine, 7, 5, FWPM_OBJECT_FLAG_PERSISTENT), 0);
  GUID other = key(6), same = key(5);
  FWPM_FILTER0 f = filter(11, 7);
  f.flags = FWPM_OBJECT_FLAG_PERSISTENT;
  f.providerKey = &other;
  EXPECT(FwpmFilterAdd0(engine, &f, NULL, NULL), FWP_E_LIFETIME_MISMATCH);
  f.providerKey = &same;
  UINT64 id = 0;
  EXPECT(FwpmFilterAdd0(engine, &f, NULL, &id), 0);

  f = filter(12, 2);
  f.displayData.name = NULL;
  EXPECT(FwpmFilterAdd0(engine, &f, NULL, NULL), FWP_E_NULL_DISPLAY_NAME);
  f = filter(12, 2);
  f.layerKey = key(77);
  EXPECT(FwpmFilterAdd0(engine, &f, NULL, NULL), FWP_E_LAYER_NOT_FOUND);
  f = filter(12, 2);
  f.action.type = FWP_ACTION_CALLOUT_TERMINATING;
  EXPECT(FwpmFilterAdd0(engine, &f, NULL, NULL), FWP_E_CALLOUT_NOT_FOUND);
  f.action.type = 3;
  EXPECT(FwpmFilterAdd0(engine, &f, NULL, NULL), FWP_E_INVALID_ACTION_TYPE);
  f = filter(12, 2);
  f.weight.type = FWP_UINT8;
  f.weight.uint8 = 16;
  EXPECT(FwpmFilterAdd0(engine, &f, NULL, NULL), FWP_E_INVALID_WEIGHT);
  f.weight.type = FWP_UINT16;
  EXPECT(FwpmFilterAdd0(engine, &f, NULL, NULL), FWP_E_INVALID_WEIGHT);

  FWPM_FILTER0 *found = NULL;
  EXPECT(FwpmFilterGetById0(engine, id, &found), 0);
  HOLDS(found->filterId == id && IsEqualGUID(found->providerKey, &same));
  FwpmFreeMemory0((void **)&found);
  HOLDS(found == NULL);
  EXPECT(FwpmFilterDeleteById0(engine, id), 0);
  EXPECT(FwpmFilterDeleteById0(engine, id), FWP_E_FILTER_NOT_FOUND);
  EXPECT(delete_filter(engine, 10), 0);
  EXPECT(delete_filter(engine, 10), FWP_E_FILTER_NOT_FOUND);
  EXPECT(FwpmSubLayerDeleteByKey0(engine, &k), 0);
  EXPECT(FwpmSubLayerDeleteByKey0(engine, &k), FWP_E_SUBLAYER_NOT_FOUND);
  EXPECT(FwpmProviderDeleteByKey0(engine, &provider), 0);
  EXPECT(FwpmProviderDeleteByKey0(engine, &provider), FWP_E_PROVIDER_NOT_FOUND);
  EXPECT(FwpmEngineClose0(engine), 0);
  EXPECT(FwpmEngineClose0(engine), ERROR_INVALID_HANDLE);
}

void transactions_case(void) {
  HANDLE engine = open_engine(0, 0), other = open_engine(0, 50);
  EXPECT(add_sublayer(engine, 2, 0, 0), 0);
  EXPECT(FwpmTransactionCommit0(engine), FWP_E_NO_TXN_IN_PROGRESS);
  EXPECT(FwpmTransactionAbort0(engine), FWP_E_NO_TXN_IN_PROGRESS);
  EXPECT(FwpmTransactionBegin0(engine, 0), 0);
  EXPECT(FwpmTransactionBegin0(engine, 0), FWP_E_TXN_IN_PROGRESS);
  EXPECT(add_filter(engine, 10, 2, 0), 0);
  EXPECT(get_filter(engine, 10), 0);
  EXPECT(FwpmTransactionAbort0(engine), 0);
  EXPECT(get_filter(engine, 10), FWP_E_FILTER_NOT_FOUND);

  /* A call that fails spoils nothing. */
  EXPECT(FwpmTransactionBegin0(engine, 0), 0);
  EXPECT(add_filter(engine, 10, 2, 0), 0);
  EXPECT(add_filter(engine, 11, 99, 0), FWP_E_SUBLAYER_NOT_FOUND);
  EXPECT(add_filter(engine, 12, 2, 0), 0);
  EXPECT(FwpmTransactionCommit0(engine), 0);
  EXPECT(get_filter(other, 10), 0);
  EXPECT(get_filter(other, 12), 0);

  EXPECT(FwpmTransactionBegin0(engine, FWPM_TXN_READ_ONLY), 0);
  EXPECT(FwpmTransactionBegin0(other, FWPM_TXN_READ_ONLY), 0);
  EXPECT(add_filter(engine, 13, 2, 0), FWP_E_INCOMPATIBLE_TXN);
  EXPECT(delete_filter(engine, 10), FWP_E_INCOMPATIBLE_TXN);
  EXPECT(get_filter(engine, 10), 0);
  EXPECT(FwpmTransactionCommit0(engine), 0);
  EXPECT(FwpmTransactionAbort0(other), 0);

  /* Ended by the end of its session. */
  EXPECT(FwpmTransactionBegin0(engine, 0), 0);
  EXPECT(delete_filter(engine, 10), 0);
  EXPECT(FwpmEngineClose0(engine), 0);
  EXPECT(get_filter(other, 10), 0);
  EXPECT(FwpmEngineClose0(other), 0);
}

void enumeration_case(void) {
  HANDLE engine = open_engine(0, 0), other = open_engine(0, 0), handle = NULL;
  FWPM_FILTER0 **entries = NULL;
  UINT32 count = 0;
  EXPECT(add_provider(engine, 1, FWPM_OBJECT_FLAG_PERSISTENT), 0);
  EXPECT(add_sublayer(engine, 2, 1, FWPM_OBJECT_FLAG_PERSISTENT), 0);
  GUID owner = key(1);
  for (UINT32 n = 10; n < 20; n++) {
    FWPM_FILTER0 f = filter(n, 2);
    f.providerKey = &owner;
    f.flags = n < 12 ? FWPM_FILTER_FLAG_BOOTTIME : 0;
    f.layerKey = n < 18 ? connect_v4 : connect_v6;
    f.action.type = n == 15 ? FWP_ACTION_PERMIT : FWP_ACTION_BLOCK;
    f.weight.type = FWP_UINT8;
    f.weight.uint8 = (UINT8)(n % 16);
    EXPECT(FwpmFilterAdd0(engine, &f, NULL, NULL), 0);
  }
  HOLDS(count_filters(engine, 0) == 6);
  HOLDS(count_filters(engine, FWP_FILTER_ENUM_FLAG_INCLUDE_BOOTTIME) == 8);
  HOLDS(count_filters(engine, FWP_FILTER_ENUM_FLAG_BOOTTIME_ONLY) == 2);

  FWPM_FILTER_ENUM_TEMPLATE0 template = {.providerKey = &owner, .layerKey = connect_v4, .actionMask = 0xffffffff,
                                         .flags = FWP_FILTER_ENUM_FLAG_SORTED};
  EXPECT(FwpmFilterCreateEnumHandle0(engine, &template, &handle), 0);
  EXPECT(delete_filter(engine, 17), 0);
  EXPECT(FwpmFilterEnum0(engine, handle, 4, &entries, &count), 0);
  HOLDS(count == 4 && entries[0]->weight.uint8 == 15 && entries[1]->weight.uint8 == 14);
  HOLDS(entries[0]->effectiveWeight.type == FWP_UINT64 && *entries[0]->effectiveWeight.uint64 >> 60 == 15);
  FwpmFreeMemory0((void **)&entries);
  EXPECT(FwpmFilterEnum0(engine, handle, 4, &entries, &count), 0);
  HOLDS(count == 2);
  FwpmFreeMemory0((void **)&entries);
  EXPECT(FwpmFilterEnum0(engine, handle, 4, &entries, &count), 0);
  HOLDS(count == 0 && entries == NULL);
  EXPECT(FwpmFilterEnum0(other, handle, 4, &entries, &count), FWP_E_WRONG_SESSION);
  EXPECT(FwpmFilterDestroyEnumHandle0(engine, handle), 0);
  EXPECT(FwpmFilterDestroyEnumHandle0(engine, handle), FWP_E_INVALID_ENUMERATOR);

  /* A mask of no bits lets nothing through, a zero layer is none. */
  template.actionMask = 0;
  EXPECT(FwpmFilterCreateEnumHandle0(engine, &template, &handle), 0);
  EXPECT(FwpmFilterEnum0(engine, handle, 4, &entries, &count), 0);
  HOLDS(count == 0);
  EXPECT(FwpmFilterDestroyEnumHandle0(engine, handle), 0);
  template.layerKey = GUID_NULL;
  EXPECT(FwpmFilterCreateEnumHandle0(engine, &template, &handle), FWP_E_LAYER_NOT_FOUND);

  FWPM_SUBLAYER0 **sublayers = NULL;
  FWPM_SUBLAYER_ENUM_TEMPLATE0 ours = {.providerKey = &owner};
  EXPECT(FwpmSubLayerCreateEnumHandle0(engine, NULL, &handle), 0);
  EXPECT(FwpmSubLayerEnum0(engine, handle, 9, &sublayers, &count), 0);
  HOLDS(count == 2);
  FwpmFreeMemory0((void **)&sublayers);
  EXPECT(FwpmSubLayerDestroyEnumHandle0(engine, handle), 0);
  EXPECT(FwpmSubLayerCreateEnumHandle0(engine, &ours, &handle), 0);
  EXPECT(FwpmSubLayerEnum0(engine, handle, 9, &sublayers, &count), 0);
  HOLDS(count == 1 && sublayers[0]->weight == 0xffff && IsEqualGUID(sublayers[0]->providerKey, &owner));
  FwpmFreeMemory0((void **)&sublayers);
  /* Left open: ends with its session. */
  EXPECT(FwpmEngineClose0(engine), 0);
  EXPECT(FwpmEngineClose0(other), 0);
}

void phases_case(void) {
  HANDLE engine = open_engine(0, 0), again = NULL;
  EXPECT(add_sublayer(engine, 2, 0, FWPM_OBJECT_FLAG_PERSISTENT), 0);
  EXPECT(add_filter(engine, 10, 2, 0), 0);
  EXPECT(add_filter(engine, 11, 2, FWPM_OBJECT_FLAG_PERSISTENT), 0);
  EXPECT(add_filter(engine, 12, 2, FWPM_FILTER_FLAG_BOOTTIME), 0);
  EXPECT(FwpmTransactionBegin0(engine, 0), 0);
  EXPECT(CordonBfeControl("stop"), 0);
  EXPECT(add_filter(engine, 13, 2, 0), EPT_S_NOT_REGISTERED);
  EXPECT(FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, NULL, &again), EPT_S_NOT_REGISTERED);
  EXPECT(CordonBfeControl("start"), 0);
  EXPECT(FwpmTransactionCommit0(engine), ERROR_INVALID_HANDLE);
  again = open_engine(0, 0);
  EXPECT(get_filter(again, 10), FWP_E_FILTER_NOT_FOUND);
  EXPECT(get_filter(again, 11), 0);
  EXPECT(get_filter(again, 12), 0);
  EXPECT(CordonBfeControl("no such thing"), ERROR_INVALID_PARAMETER);
}
