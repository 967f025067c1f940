/* Sessions, the lock, faults. */
#include "bfe-test.h"

void sessions_case(void) {
  HANDLE engine = open_engine(0, 0), dynamic = open_engine(FWPM_SESSION_FLAG_DYNAMIC, 0), handle, wrong;
  HANDLE second = open_engine(FWPM_SESSION_FLAG_DYNAMIC, 0);
  FWPM_SESSION0 **entries = NULL, bad = {.flags = 8};
  UINT32 count = 0;
  EXPECT(FwpmEngineOpen0(L"elsewhere", RPC_C_AUTHN_WINNT, NULL, NULL, &wrong), ERROR_NOT_SUPPORTED);
  EXPECT(FwpmEngineOpen0(NULL, RPC_C_AUTHN_WINNT, NULL, &bad, &wrong), FWP_E_INVALID_FLAGS);
  EXPECT(FwpmEngineOpen0(NULL, 99, NULL, NULL, &wrong), FWP_E_INVALID_PARAMETER);
  EXPECT(add_sublayer(engine, 2, 0, 0), 0);
  EXPECT(add_sublayer(dynamic, 3, 0, 0), 0);
  EXPECT(add_filter(dynamic, 10, 3, 0), 0);
  EXPECT(add_filter(dynamic, 11, 2, 0), 0);
  EXPECT(add_filter(dynamic, 12, 2, FWPM_OBJECT_FLAG_PERSISTENT), FWP_E_DYNAMIC_SESSION_IN_PROGRESS);
  EXPECT(add_filter(engine, 12, 3, 0), FWP_E_LIFETIME_MISMATCH);
  EXPECT(add_filter(second, 12, 3, 0), FWP_E_LIFETIME_MISMATCH);

  EXPECT(FwpmSessionCreateEnumHandle0(engine, NULL, &handle), 0);
  EXPECT(FwpmSessionEnum0(engine, handle, 10, &entries, &count), 0);
  HOLDS(count == 3 && wcscmp(entries[0]->displayData.name, L"Test aus Köln") == 0);
  HOLDS(entries[0]->processId == GetCurrentProcessId() && entries[0]->username[0] != 0);
  HOLDS(IsValidSid(entries[0]->sid) && entries[1]->flags == FWPM_SESSION_FLAG_DYNAMIC);
  FwpmFreeMemory0((void **)&entries);
  EXPECT(FwpmSessionDestroyEnumHandle0(engine, handle), 0);

  EXPECT(FwpmTransactionBegin0(second, 0), 0);
  EXPECT(FwpmSessionCreateEnumHandle0(second, NULL, &handle), FWP_E_TXN_IN_PROGRESS);
  /* What a dynamic session leaves behind does not come back with a transaction that began before its end. */
  EXPECT(FwpmEngineClose0(dynamic), 0);
  EXPECT(add_filter(second, 13, 2, 0), 0);
  EXPECT(FwpmTransactionCommit0(second), 0);
  EXPECT(get_filter(engine, 10), FWP_E_FILTER_NOT_FOUND);
  EXPECT(get_filter(engine, 11), FWP_E_FILTER_NOT_FOUND);
  EXPECT(get_filter(engine, 13), 0);
  EXPECT(FwpmEngineClose0(second), 0);
  EXPECT(get_filter(engine, 13), FWP_E_FILTER_NOT_FOUND);
  EXPECT(FwpmEngineClose0(engine), 0);
}

static DWORD WINAPI end_soon(void *engine) {
  Sleep(100);
  EXPECT(FwpmTransactionAbort0(engine), 0);
  return 0;
}

void locks_case(void) {
  HANDLE holder = open_engine(0, 0), hasty = open_engine(0, 60), patient = open_engine(0, 5000), handle;
  EXPECT(add_sublayer(holder, 2, 0, 0), 0);
  EXPECT(FwpmTransactionBegin0(holder, 0), 0);
  ULONGLONG start = GetTickCount64();
  EXPECT(FwpmTransactionBegin0(hasty, 0), FWP_E_TIMEOUT);
  HOLDS(GetTickCount64() - start >= 60);
  EXPECT(add_filter(hasty, 10, 2, 0), FWP_E_TIMEOUT);
  EXPECT(get_filter(hasty, 10), FWP_E_TIMEOUT);
  EXPECT(FwpmTransactionBegin0(hasty, FWPM_TXN_READ_ONLY), FWP_E_TIMEOUT);
  EXPECT(FwpmSessionCreateEnumHandle0(hasty, NULL, &handle), 0);
  EXPECT(FwpmSessionDestroyEnumHandle0(hasty, handle), 0);
  /* The thread that ends it is another than the one that began it. */
  HANDLE thread = CreateThread(NULL, 0, end_soon, holder, 0, NULL);
  EXPECT(FwpmTransactionBegin0(patient, 0), 0);
  WaitForSingleObject(thread, INFINITE);
  EXPECT(FwpmTransactionAbort0(patient), 0);

  EXPECT(CordonBfeControl("hold 4321 Defender für Alles"), 0);
  EXPECT(FwpmTransactionBegin0(hasty, 0), FWP_E_TIMEOUT);
  EXPECT(CordonBfeControl("hold 4322 second"), ERROR_INVALID_PARAMETER);
  EXPECT(CordonBfeControl("release"), 0);
  EXPECT(FwpmTransactionBegin0(hasty, 0), 0);
  EXPECT(FwpmEngineClose0(hasty), 0);
  EXPECT(FwpmEngineClose0(holder), 0);
  EXPECT(FwpmEngineClose0(patient), 0);
}

void faults_case(void) {
  HANDLE engine = open_engine(0, 0);
  EXPECT(add_sublayer(engine, 2, 0, 0), 0);
  EXPECT(CordonBfeControl("fail FwpmFilterAdd0 2 0x80320035"), 0);
  EXPECT(add_filter(engine, 10, 2, 0), 0);
  EXPECT(add_filter(engine, 11, 2, 0), FWP_E_INVALID_PARAMETER);
  EXPECT(get_filter(engine, 11), FWP_E_FILTER_NOT_FOUND);
  EXPECT(add_filter(engine, 11, 2, 0), 0);

  EXPECT(CordonBfeControl("fail-after FwpmTransactionCommit0 1 1726"), 0);
  EXPECT(FwpmTransactionBegin0(engine, 0), 0);
  EXPECT(add_filter(engine, 12, 2, 0), 0);
  EXPECT(FwpmTransactionCommit0(engine), 1726);
  EXPECT(get_filter(engine, 12), 0);

  EXPECT(CordonBfeControl("fail * 2 5 2"), 0);
  EXPECT(get_filter(engine, 10), 0);
  EXPECT(get_filter(engine, 10), 5);
  EXPECT(get_filter(engine, 10), 5);
  EXPECT(get_filter(engine, 10), 0);

  EXPECT(CordonBfeControl("delay FwpmFilterGetByKey0 1 120"), 0);
  ULONGLONG start = GetTickCount64();
  EXPECT(get_filter(engine, 10), 0);
  HOLDS(GetTickCount64() - start >= 120);

  /* A commit that fails leaves the transaction open, to be aborted. */
  EXPECT(CordonBfeControl("fail FwpmTransactionCommit0 1 0x80320012"), 0);
  EXPECT(FwpmTransactionBegin0(engine, 0), 0);
  EXPECT(delete_filter(engine, 10), 0);
  EXPECT(FwpmTransactionCommit0(engine), FWP_E_TIMEOUT);
  EXPECT(FwpmTransactionBegin0(engine, 0), FWP_E_TXN_IN_PROGRESS);
  EXPECT(FwpmTransactionAbort0(engine), 0);
  EXPECT(get_filter(engine, 10), 0);
  EXPECT(CordonBfeControl("fail NoSuchFunction 1 5"), ERROR_INVALID_PARAMETER);
  EXPECT(FwpmEngineClose0(engine), 0);
}
