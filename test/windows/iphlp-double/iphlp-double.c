/*
 * A double of iphlpapi.dll and nsi.dll with tables of its own. Rows are put in by text and by numbers in the machine's
 * order and turned into the structures of the real headers here, with the functions that a program in C would use; a row
 * is ended only when SetTcpEntry or NsiSetAllParameters brings exactly what C would have brought. So a wrong byte order on
 * the other side leaves the connection where it is.
 */
#define _WIN32_WINNT 0x0A00
#include <winsock2.h>
#include <ws2tcpip.h>
#include <iphlpapi.h>
#include <stdio.h>
#include <string.h>

#define EXPORT __declspec(dllexport)
#define MAX_ROWS 4096
#define STATE_DELETE_TCB 12

static MIB_TCPROW_OWNER_PID tcp4[MAX_ROWS];
static MIB_TCP6ROW_OWNER_PID tcp6[MAX_ROWS];
static MIB_UDPROW_OWNER_PID udp4[MAX_ROWS];
static MIB_UDP6ROW_OWNER_PID udp6[MAX_ROWS];
static DWORD tcp4_count, tcp6_count, udp4_count, udp6_count;

/* What the functions that end a connection answer, and whether they end it. */
static DWORD answer;
static BOOL ends;
/* Table calls that still say that the table has grown. */
static DWORD growing;
/* Code that the table calls fail with. */
static DWORD table_error;
/* Calls that ended a row, and calls that named none. */
static DWORD hits, misses;
/* The last structure that SetTcpEntry got. */
static MIB_TCPROW last_row;

EXPORT void DoubleReset(void) {
  tcp4_count = tcp6_count = udp4_count = udp6_count = 0;
  answer = growing = table_error = hits = misses = 0;
  ends = TRUE;
  memset(&last_row, 0, sizeof last_row);
}

EXPORT void DoubleAnswer(DWORD code, BOOL ends_it) {
  answer = code;
  ends = ends_it;
}

EXPORT void DoubleGrow(DWORD calls) { growing = calls; }
EXPORT void DoubleFailTables(DWORD code) { table_error = code; }
EXPORT DWORD DoubleHits(void) { return hits; }
EXPORT DWORD DoubleMisses(void) { return misses; }

/* The upper half of a port means nothing; Windows may leave anything there. */
static DWORD port_with_noise(USHORT port) { return 0xABCD0000u | htons(port); }

EXPORT BOOL DoubleAddTcp4(const char *local, USHORT local_port, const char *remote, USHORT remote_port, DWORD state,
                          DWORD pid) {
  MIB_TCPROW_OWNER_PID *row = &tcp4[tcp4_count];
  if (tcp4_count == MAX_ROWS) return FALSE;
  row->dwState = state;
  row->dwLocalAddr = inet_addr(local);
  row->dwLocalPort = port_with_noise(local_port);
  row->dwRemoteAddr = inet_addr(remote);
  row->dwRemotePort = port_with_noise(remote_port);
  row->dwOwningPid = pid;
  tcp4_count += 1;
  return TRUE;
}

EXPORT BOOL DoubleAddTcp6(const char *local, DWORD local_scope, USHORT local_port, const char *remote,
                          DWORD remote_scope, USHORT remote_port, DWORD state, DWORD pid) {
  MIB_TCP6ROW_OWNER_PID *row = &tcp6[tcp6_count];
  if (tcp6_count == MAX_ROWS) return FALSE;
  if (inet_pton(AF_INET6, local, row->ucLocalAddr) != 1) return FALSE;
  if (inet_pton(AF_INET6, remote, row->ucRemoteAddr) != 1) return FALSE;
  row->dwLocalScopeId = local_scope;
  row->dwLocalPort = port_with_noise(local_port);
  row->dwRemoteScopeId = remote_scope;
  row->dwRemotePort = port_with_noise(remote_port);
  row->dwState = state;
  row->dwOwningPid = pid;
  tcp6_count += 1;
  return TRUE;
}

EXPORT BOOL DoubleAddUdp4(const char *local, USHORT port, DWORD pid) {
  MIB_UDPROW_OWNER_PID *row = &udp4[udp4_count];
  if (udp4_count == MAX_ROWS) return FALSE;
  row->dwLocalAddr = inet_addr(local);
  row->dwLocalPort = port_with_noise(port);
  row->dwOwningPid = pid;
  udp4_count += 1;
  return TRUE;
}

EXPORT BOOL DoubleAddUdp6(const char *local, DWORD scope, USHORT port, DWORD pid) {
  MIB_UDP6ROW_OWNER_PID *row = &udp6[udp6_count];
  if (udp6_count == MAX_ROWS) return FALSE;
  if (inet_pton(AF_INET6, local, row->ucLocalAddr) != 1) return FALSE;
  row->dwLocalScopeId = scope;
  row->dwLocalPort = port_with_noise(port);
  row->dwOwningPid = pid;
  udp6_count += 1;
  return TRUE;
}

/* Whether the last SetTcpEntry got exactly this MIB_TCPROW, with nothing in the unused halves of the ports. */
EXPORT BOOL DoubleLastRowWas(const char *local, USHORT local_port, const char *remote, USHORT remote_port) {
  MIB_TCPROW wanted = {0};
  wanted.dwState = STATE_DELETE_TCB;
  wanted.dwLocalAddr = inet_addr(local);
  wanted.dwLocalPort = htons(local_port);
  wanted.dwRemoteAddr = inet_addr(remote);
  wanted.dwRemotePort = htons(remote_port);
  return memcmp(&wanted, &last_row, sizeof wanted) == 0;
}

static DWORD give(void *table, DWORD *size, const void *rows, DWORD row_size, DWORD count, size_t offset) {
  DWORD had = *size, needed = (DWORD)offset + count * row_size;
  if (table_error) return table_error;
  if (growing) {
    growing -= 1;
    /* What it asks for has become too little by the next call. */
    *size = needed;
    return ERROR_INSUFFICIENT_BUFFER;
  }
  *size = needed;
  if (!table || had < needed) return ERROR_INSUFFICIENT_BUFFER;
  *(DWORD *)table = count;
  memcpy((char *)table + offset, rows, count * row_size);
  return NO_ERROR;
}

EXPORT DWORD WINAPI GetExtendedTcpTable(PVOID table, PDWORD size, WINBOOL order, ULONG family, TCP_TABLE_CLASS class,
                                        ULONG reserved) {
  if (order || reserved || class != TCP_TABLE_OWNER_PID_ALL) return ERROR_INVALID_PARAMETER;
  if (family == AF_INET)
    return give(table, size, tcp4, sizeof *tcp4, tcp4_count, offsetof(MIB_TCPTABLE_OWNER_PID, table));
  if (family == AF_INET6)
    return give(table, size, tcp6, sizeof *tcp6, tcp6_count, offsetof(MIB_TCP6TABLE_OWNER_PID, table));
  return ERROR_INVALID_PARAMETER;
}

EXPORT DWORD WINAPI GetExtendedUdpTable(PVOID table, PDWORD size, WINBOOL order, ULONG family, UDP_TABLE_CLASS class,
                                        ULONG reserved) {
  if (order || reserved || class != UDP_TABLE_OWNER_PID) return ERROR_INVALID_PARAMETER;
  if (family == AF_INET)
    return give(table, size, udp4, sizeof *udp4, udp4_count, offsetof(MIB_UDPTABLE_OWNER_PID, table));
  if (family == AF_INET6)
    return give(table, size, udp6, sizeof *udp6, udp6_count, offsetof(MIB_UDP6TABLE_OWNER_PID, table));
  return ERROR_INVALID_PARAMETER;
}

/* A row that is ended goes out of the table; one that nobody knows is answered as Windows does. */
static DWORD end_row(void *rows, size_t row_size, DWORD *count, DWORD found) {
  if (found == *count) {
    misses += 1;
    return ERROR_MR_MID_NOT_FOUND;
  }
  hits += 1;
  if (ends) {
    char *row = (char *)rows + found * row_size;
    memmove(row, row + row_size, (*count - found - 1) * row_size);
    *count -= 1;
  }
  return answer;
}

EXPORT DWORD WINAPI SetTcpEntry(PMIB_TCPROW row) {
  DWORD found = 0;
  last_row = *row;
  if (row->dwState != STATE_DELETE_TCB) return ERROR_INVALID_PARAMETER;
  while (found < tcp4_count &&
         !(tcp4[found].dwLocalAddr == row->dwLocalAddr && (tcp4[found].dwLocalPort & 0xFFFF) == row->dwLocalPort &&
           tcp4[found].dwRemoteAddr == row->dwRemoteAddr && (tcp4[found].dwRemotePort & 0xFFFF) == row->dwRemotePort))
    found += 1;
  return end_row(tcp4, sizeof *tcp4, &tcp4_count, found);
}

/* NPI_MS_TCP_MODULEID of netiodef.h, which mingw-w64 does not have: length, type, GUID. */
static const struct {
  USHORT Length;
  DWORD Type;
  GUID Guid;
} tcp_module = {24, 1, {0xeb004a03, 0x9b1a, 0x11d4, {0x91, 0x23, 0x00, 0x50, 0x04, 0x77, 0x59, 0xbc}}};

static BOOL same_end(const SOCKADDR_IN6 *end, const UCHAR *address, DWORD scope, DWORD port) {
  return end->sin6_family == AF_INET6 && end->sin6_port == (USHORT)port && end->sin6_flowinfo == 0 &&
         end->sin6_scope_id == scope && memcmp(&end->sin6_addr, address, 16) == 0;
}

EXPORT DWORD WINAPI NsiSetAllParameters(DWORD store, DWORD action, const void *module, DWORD object, const void *key,
                                        DWORD key_size, const void *value, DWORD value_size) {
  const SOCKADDR_IN6 *ends_of = key;
  const char *given = module;
  DWORD found = 0;
  if (store != 1 || action != 2 || object != 16 || key_size != 2 * sizeof(SOCKADDR_IN6) || value || value_size ||
      *(const USHORT *)given != tcp_module.Length || *(const DWORD *)(given + 4) != tcp_module.Type ||
      memcmp(given + 8, &tcp_module.Guid, sizeof(GUID)) != 0)
    return ERROR_INVALID_PARAMETER;
  while (found < tcp6_count &&
         !(same_end(&ends_of[0], tcp6[found].ucLocalAddr, tcp6[found].dwLocalScopeId, tcp6[found].dwLocalPort) &&
           same_end(&ends_of[1], tcp6[found].ucRemoteAddr, tcp6[found].dwRemoteScopeId, tcp6[found].dwRemotePort)))
    found += 1;
  return end_row(tcp6, sizeof *tcp6, &tcp6_count, found);
}
