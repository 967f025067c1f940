/* What the processes of one prefix share: a mutex, a mapped file, and who of them still lives. */
#include "bfe.h"
#include <stdarg.h>

/* Another layout has another number: the size of it tells most of them apart. */
#define MAGIC (0x42460000u + (UINT32)sizeof(struct shared))
#define REAP_EVERY_MS 20

struct shared *shared;
BOOL null_mode;

static WCHAR folder[MAX_PATH];
static HANDLE mutex;
static UINT64 own_start;

void path_in(WCHAR *path, const WCHAR *name) {
  _snwprintf(path, MAX_PATH, L"%ls\\%ls", folder, name);
}

UINT64 process_started(HANDLE process) {
  FILETIME created, other;
  if (!GetProcessTimes(process, &created, &other, &other, &other)) return 0;
  return (UINT64)created.dwHighDateTime << 32 | created.dwLowDateTime;
}

static void find_folder(void) {
  if (GetEnvironmentVariableW(L"CORDON_BFE_DIR", folder, MAX_PATH - 40) == 0) wcscpy(folder, L"C:\\cordon-bfe");
  CreateDirectoryW(folder, NULL);
  WCHAR path[MAX_PATH];
  path_in(path, L"control");
  CreateDirectoryW(path, NULL);
  path_in(path, L"history");
  CreateDirectoryW(path, NULL);
}

static void open_mutex(void) {
  UINT64 hash = 5381;
  for (const WCHAR *at = folder; *at; at++) hash = hash * 33 ^ towlower(*at);
  WCHAR name[64];
  _snwprintf(name, 64, L"cordon-bfe-%llx", (unsigned long long)hash);
  mutex = CreateMutexW(NULL, FALSE, name);
}

static BOOL map_shared(void) {
  WCHAR path[MAX_PATH];
  path_in(path, L"shared.bin");
  HANDLE file = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                            NULL, OPEN_ALWAYS, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return FALSE;
  HANDLE mapping = CreateFileMappingW(file, NULL, PAGE_READWRITE, 0, sizeof *shared, NULL);
  if (mapping != NULL) shared = MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, sizeof *shared);
  if (mapping != NULL) CloseHandle(mapping);
  CloseHandle(file);
  if (shared == NULL) return FALSE;
  if (shared->magic != MAGIC) {
    memset(shared, 0, sizeof *shared);
    shared->magic = MAGIC;
    shared->next_id = 65536;
    shared->dirty = 1;
  }
  return TRUE;
}

BOOL lock(void) {
  /* Who had it died, perhaps between the file and the number that tells of it. */
  if (WaitForSingleObject(mutex, INFINITE) == WAIT_ABANDONED) forget_committed();
  if (shared != NULL || map_shared()) return TRUE;
  ReleaseMutex(mutex);
  return FALSE;
}

void unlock(void) {
  ReleaseMutex(mutex);
}

BOOL process_lives(UINT32 pid, UINT64 started) {
  if (pid == GetCurrentProcessId()) return started == own_start;
  HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, pid);
  if (process == NULL) return FALSE;
  BOOL lives = process_started(process) == started && WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
  CloseHandle(process);
  return lives;
}

struct process *this_process(void) {
  struct process *empty = NULL;
  for (struct process *p = shared->processes; p < shared->processes + MAX_PROCESSES; p++) {
    if (p->pid == GetCurrentProcessId() && p->started == own_start) return p;
    if (empty == NULL && (p->pid == 0 || !process_lives(p->pid, p->started))) empty = p;
  }
  if (empty == NULL) empty = shared->processes;
  *empty = (struct process){.pid = GetCurrentProcessId(), .started = own_start};
  return empty;
}

struct session *session_of(UINT64 id) {
  for (struct session *s = shared->sessions; id != 0 && s < shared->sessions + MAX_SESSIONS; s++) {
    if (s->id == id) return s;
  }
  return NULL;
}

void session_end(struct session *s) {
  UINT64 id = s->id;
  BOOL dynamic = (s->flags & FWPM_SESSION_FLAG_DYNAMIC) != 0;
  if (shared->writer == id) shared->writer = 0;
  memset(s, 0, sizeof *s);
  shared->dirty = 1;
  forget_transaction(id);
  drop_enumerations(id);
  if (!dynamic) return;
  /* What refers to an object was added after it: the filters go first, the providers last. */
  struct state *next = state_clone(committed());
  BOOL changed = FALSE;
  for (int kind = KINDS - 1; kind >= 0; kind--) {
    struct object **all = table_sorted(&next->of[kind]);
    for (size_t i = 0, n = next->of[kind].live; i < n; i++) {
      if (all[i]->session != id) continue;
      table_remove(&next->of[kind], object_key(all[i]));
      changed = TRUE;
    }
    free(all);
  }
  if (changed) commit(next, 0);
  else state_free(next);
}

void reap(BOOL now) {
  ULONGLONG tick = GetTickCount64();
  if (!now && tick - shared->reaped < REAP_EVERY_MS) return;
  shared->reaped = tick;
  for (struct session *s = shared->sessions; s < shared->sessions + MAX_SESSIONS; s++) {
    if (s->id == 0 || s->foreign) continue;
    if (s->epoch != shared->epoch || !process_lives(s->pid, s->started)) session_end(s);
  }
  for (struct process *p = shared->processes; p < shared->processes + MAX_PROCESSES; p++) {
    if (p->pid == 0 || process_lives(p->pid, p->started)) continue;
    memset(p, 0, sizeof *p);
    shared->dirty = 1;
  }
}

void record_error(const char *format, ...) {
  va_list list;
  va_start(list, format);
  if (shared->errors < MAX_ERRORS) vsnprintf(shared->error[shared->errors], sizeof shared->error[0], format, list);
  va_end(list);
  shared->errors++;
  shared->dirty = 1;
}

BOOL WINAPI DllMain(HINSTANCE library, DWORD reason, LPVOID reserved) {
  (void)reserved;
  if (reason != DLL_PROCESS_ATTACH) return TRUE;
  DisableThreadLibraryCalls(library);
  WCHAR value[8];
  null_mode = GetEnvironmentVariableW(L"CORDON_BFE_NULL", value, 8) > 0;
  if (null_mode) return TRUE;
  own_start = process_started(GetCurrentProcess());
  find_folder();
  open_mutex();
  return mutex != NULL;
}
