/*
 * A double of dnsapi.dll and wevtapi.dll, of which Wine has no more than the names: a cache of two names, and two logs. What
 * it gives out is counted and must come back: DoubleOpen tells how much is still outside.
 */
#define _WIN32_WINNT 0x0A00
#include <winsock2.h>
#include <windows.h>
/* The header has it with the records of the other kind of text. */
#define DnsQuery_W DnsQuery_of_header
#include <windns.h>
#undef DnsQuery_W
#include <winevt.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#define EXPORT __declspec(dllexport)

static LONG open_things;

EXPORT DWORD DoubleOpen(void) { return (DWORD)open_things; }

static void *give(size_t size) {
  open_things += 1;
  return calloc(1, size);
}

static void take(void *memory) {
  if (memory == NULL) abort();
  open_things -= 1;
  free(memory);
}

static PWSTR text(const WCHAR *content) {
  PWSTR copy = give((wcslen(content) + 1) * sizeof(WCHAR));
  wcscpy(copy, content);
  return copy;
}

/* No header has it. */
struct cache_entry {
  struct cache_entry *next;
  PWSTR name;
  WORD type;
  WORD length;
  DWORD flags;
};

static struct cache_entry *entry(const WCHAR *name, WORD type, DWORD flags, struct cache_entry *next) {
  struct cache_entry *made = give(sizeof *made);
  made->next = next;
  made->name = text(name);
  made->type = type;
  made->length = 0;
  made->flags = flags;
  return made;
}

EXPORT BOOL WINAPI DnsGetCacheDataTable(struct cache_entry **table) {
  struct cache_entry *last = entry(L"gone.example", DNS_TYPE_A, 0, NULL);
  *table = entry(L"evil.example", DNS_TYPE_A, 0x2001, last);
  return TRUE;
}

/* Records as short as Windows makes them: what stands behind them is not theirs. */
static DNS_RECORDW *record(const WCHAR *name, WORD type, WORD length, DNS_RECORDW *next) {
  DNS_RECORDW *made = give(FIELD_OFFSET(DNS_RECORDW, Data) + length);
  made->pNext = next;
  made->pName = text(name);
  made->wType = type;
  made->wDataLength = length;
  made->dwTtl = 321;
  return made;
}

EXPORT LONG WINAPI DnsQuery_W(PCWSTR name, WORD type, DWORD options, PVOID extra, DNS_RECORDW **found, PVOID *reserved) {
  (void)extra;
  (void)reserved;
  *found = NULL;
  /* A question that goes out would be the end of this test. */
  if (options != DNS_QUERY_NO_WIRE_QUERY || type != DNS_TYPE_A) return ERROR_INVALID_PARAMETER;
  if (wcscmp(name, L"evil.example") != 0) return 9701;
  DNS_RECORDW *six = record(L"host.evil.example", DNS_TYPE_AAAA, 16, NULL);
  six->Data.AAAA.Ip6Address.IP6Byte[0] = 0x20;
  six->Data.AAAA.Ip6Address.IP6Byte[1] = 0x01;
  six->Data.AAAA.Ip6Address.IP6Byte[2] = 0x0d;
  six->Data.AAAA.Ip6Address.IP6Byte[3] = 0xb8;
  six->Data.AAAA.Ip6Address.IP6Byte[15] = 7;
  DNS_RECORDW *four = record(L"host.evil.example", DNS_TYPE_A, 4, six);
  four->Data.A.IpAddress = htonl(0xc0000207);
  *found = record(L"evil.example", DNS_TYPE_CNAME, sizeof(PWSTR), four);
  (*found)->Data.CNAME.pNameHost = text(L"host.evil.example");
  return ERROR_SUCCESS;
}

EXPORT void WINAPI DnsFree(PVOID memory, DNS_FREE_TYPE kind) {
  if (kind == DnsFreeFlat) {
    take(memory);
    return;
  }
  if (kind != DnsFreeRecordList) abort();
  for (DNS_RECORDW *at = memory; at != NULL;) {
    DNS_RECORDW *next = at->pNext;
    if (at->wType == DNS_TYPE_CNAME) take(at->Data.CNAME.pNameHost);
    take(at->pName);
    take(at);
    at = next;
  }
}

/* A log of 70 events, more than are fetched at once, and one with an event that is no XML. */
enum kind { RESULTS = 1, EVENT, SOURCE };
struct handle {
  enum kind kind;
  BOOL broken;
  int index;
};

static EVT_HANDLE handle(enum kind kind, BOOL broken, int index) {
  struct handle *made = give(sizeof *made);
  made->kind = kind;
  made->broken = broken;
  made->index = index;
  return made;
}

EXPORT EVT_HANDLE WINAPI EvtQuery(EVT_HANDLE session, LPCWSTR path, LPCWSTR query, DWORD flags) {
  if (session != NULL || wcscmp(query, L"*") != 0 || flags != (EvtQueryChannelPath | EvtQueryReverseDirection)) {
    SetLastError(ERROR_INVALID_PARAMETER);
    return NULL;
  }
  if (wcscmp(path, L"Application") == 0) return handle(RESULTS, FALSE, 70);
  if (wcscmp(path, L"Named/Operational") == 0) return handle(RESULTS, TRUE, 2);
  SetLastError(wcscmp(path, L"Security") == 0 ? ERROR_ACCESS_DENIED : ERROR_EVT_CHANNEL_NOT_FOUND);
  return NULL;
}

EXPORT BOOL WINAPI EvtNext(EVT_HANDLE results, DWORD size, EVT_HANDLE *events, DWORD ms, DWORD flags, DWORD *returned) {
  struct handle *from = results;
  *returned = 0;
  if (from->kind != RESULTS || ms == INFINITE || flags != 0) {
    SetLastError(ERROR_INVALID_PARAMETER);
    return FALSE;
  }
  if (from->index == 0) {
    SetLastError(ERROR_NO_MORE_ITEMS);
    return FALSE;
  }
  for (; *returned < size && from->index > 0; *returned += 1) {
    events[*returned] = handle(EVENT, from->broken, from->index);
    from->index -= 1;
  }
  return TRUE;
}

EXPORT BOOL WINAPI EvtRender(EVT_HANDLE context, EVT_HANDLE event, DWORD flags, DWORD size, PVOID into, PDWORD used, PDWORD properties) {
  struct handle *one = event;
  if (context != NULL || flags != EvtRenderEventXml || one->kind != EVENT) {
    SetLastError(ERROR_INVALID_PARAMETER);
    return FALSE;
  }
  *properties = 0;
  int length = one->broken && one->index == 2
    ? swprintf(into, size / sizeof(WCHAR), L"<Event><System>")
    : swprintf(into, size / sizeof(WCHAR),
      L"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
      L"<Provider Name='Evil Source' Guid='{00000000-0000-0000-0000-000000000001}'/><EventID Qualifiers='16384'>%d</EventID>"
      L"<Version>0</Version><Level>2</Level><Task>12</Task><Opcode>0</Opcode><Keywords>0x80000000000000</Keywords>"
      L"<TimeCreated SystemTime='2026-01-02T03:04:05.1234567Z'/><EventRecordID>%d</EventRecordID><Correlation/>"
      L"<Execution ProcessID='1234' ThreadID='5678'/><Channel>Application</Channel><Computer>victim.example</Computer>"
      L"<Security UserID='S-1-5-18'/></System><EventData><Data Name='EventID'>999</Data><Data>a &lt;b&gt; &amp; c</Data>"
      L"</EventData></Event>", 4000 + one->index, one->index);
  *used = (DWORD)(length + 1) * sizeof(WCHAR);
  return TRUE;
}

EXPORT EVT_HANDLE WINAPI EvtOpenPublisherMetadata(EVT_HANDLE session, LPCWSTR source, LPCWSTR file, LCID locale, DWORD flags) {
  (void)session;
  (void)file;
  (void)locale;
  (void)flags;
  if (wcscmp(source, L"Evil Source") == 0) return handle(SOURCE, FALSE, 0);
  SetLastError(ERROR_FILE_NOT_FOUND);
  return NULL;
}

EXPORT BOOL WINAPI EvtFormatMessage(EVT_HANDLE source, EVT_HANDLE event, DWORD id, DWORD count, PEVT_VARIANT values, DWORD flags, DWORD size, LPWSTR into, PDWORD used) {
  struct handle *of = source;
  struct handle *one = event;
  (void)id;
  (void)count;
  (void)values;
  if (flags != EvtFormatMessageEvent || of->kind != SOURCE || one->kind != EVENT) {
    SetLastError(ERROR_INVALID_PARAMETER);
    return FALSE;
  }
  *used = (DWORD)swprintf(into, size, L"Something evil happened, number %d", one->index) + 1;
  return TRUE;
}

EXPORT BOOL WINAPI EvtClose(EVT_HANDLE closed) {
  take(closed);
  return TRUE;
}
