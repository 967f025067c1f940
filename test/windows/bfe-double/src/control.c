/* Commands of the tests: files in the folder `control`, or text through CordonBfeControl. README.md has the grammar. */
#include "bfe.h"

static int function_of(const char *name) {
  for (int f = 0; f <= F_ANY; f++) {
    if (strcmp(function_names[f], name) == 0) return f;
  }
  return -1;
}

static BOOL add_fault(enum fault_kind kind, const char *name, unsigned long call, unsigned long value,
                      unsigned long times) {
  int function = function_of(name);
  if (function < 0 || call == 0 || times == 0) return FALSE;
  for (struct fault *f = shared->faults; f < shared->faults + MAX_FAULTS; f++) {
    if (f->kind != FAULT_NONE) continue;
    *f = (struct fault){kind, (enum function)function, (UINT32)call - 1, (UINT32)times, (UINT32)value};
    return TRUE;
  }
  return FALSE;
}

static void release(void) {
  for (struct session *s = shared->sessions; s < shared->sessions + MAX_SESSIONS; s++) {
    if (s->id != 0 && s->foreign) session_end(s);
  }
}

static BOOL hold(unsigned long pid, const char *name) {
  /* Whoever holds it at the moment is not robbed. */
  if (shared->writer != 0) return FALSE;
  for (struct session *s = shared->sessions; s < shared->sessions + MAX_SESSIONS; s++) {
    if (s->id != 0) continue;
    *s = (struct session){.id = shared->next_id++, .epoch = shared->epoch, .pid = (UINT32)pid, .txn = TXN_WRITE,
                          .foreign = TRUE};
    MultiByteToWideChar(CP_UTF8, 0, name, -1, s->name, ARRAYSIZE(s->name) - 1);
    UuidCreate(&s->key);
    wcscpy(s->username, L"foreign");
    shared->writer = s->id;
    return TRUE;
  }
  return FALSE;
}

static BOOL set_switch(UINT32 *at, const char *value, BOOL inverted) {
  BOOL on = strcmp(value, "on") == 0;
  if (!on && strcmp(value, "off") != 0) return FALSE;
  *at = (UINT32)(on != inverted);
  return TRUE;
}

static BOOL set_phase(enum phase phase) {
  if (phase != PHASE_RUNNING) bfe_stop(phase);
  else shared->phase = PHASE_RUNNING;
  return TRUE;
}

static BOOL run(const char *line) {
  char word[24] = "", name[64] = "", value[24] = "";
  unsigned long call = 0, times = 1, pid = 0;
  int rest = 0;
  shared->dirty = 1;
  if (sscanf(line, "%23s", word) != 1 || word[0] == '#') return TRUE;
  const char *after = strstr(line, word) + strlen(word);
#define IS(text) (strcmp(word, text) == 0)
  if (IS("fail") || IS("fail-after") || IS("delay")) {
    if (sscanf(after, "%63s %lu %23s %lu", name, &call, value, &times) < 3) return FALSE;
    enum fault_kind kind = IS("fail") ? FAULT_FAIL : IS("delay") ? FAULT_DELAY : FAULT_FAIL_AFTER;
    return add_fault(kind, name, call, strtoul(value, NULL, 0), times);
  }
  if (IS("clear-faults")) return memset(shared->faults, 0, sizeof shared->faults), TRUE;
  if (IS("hold")) return sscanf(after, "%lu %n", &pid, &rest) == 1 && after[rest] && hold(pid, after + rest);
  if (IS("release")) return release(), TRUE;
  if (IS("stop")) return set_phase(PHASE_STOPPED);
  if (IS("reboot")) return set_phase(PHASE_BOOTING);
  if (IS("start")) return set_phase(PHASE_RUNNING);
  if (IS("reset")) return bfe_reset(), TRUE;
  if (IS("dump")) return reap(TRUE), TRUE;
  if (IS("events")) {
    if (sscanf(after, "%23s %lu", value, &times) != 2) return FALSE;
    if (strcmp(value, "drop") == 0) return shared->drop = (UINT32)times, TRUE;
    return strcmp(value, "duplicate") == 0 && (shared->duplicate = (UINT32)times, TRUE);
  }
  if (sscanf(after, "%23s", value) != 1) return FALSE;
  if (IS("odd-addresses")) return set_switch(&shared->odd, value, FALSE);
  if (IS("journal")) return set_switch(&shared->quiet, value, TRUE);
  if (IS("history")) return set_switch(&shared->history, value, FALSE);
  if (IS("lazy")) return set_switch(&shared->lazy, value, FALSE);
#undef IS
  return FALSE;
}

BOOL control(const char *commands) {
  BOOL well = TRUE;
  while (*commands) {
    char line[256];
    size_t length = strcspn(commands, "\r\n");
    snprintf(line, sizeof line, "%.*s", (int)length, commands);
    if (!run(line)) {
      record_error("control: cannot do \"%s\"", line);
      well = FALSE;
    }
    commands += length + strspn(commands + length, "\r\n");
  }
  return well;
}

/* Has the folder changed since it was read? Asked at every call, so that it must be cheap. What is very
 * young may be followed by a change of the same time. */
static BOOL control_changed(void) {
  const UINT64 fresh = 1000000; /* 100 ms in units of 100 ns */
  static UINT64 seen;
  static WCHAR folder[MAX_PATH];
  WIN32_FILE_ATTRIBUTE_DATA data;
  FILETIME clock;
  if (folder[0] == 0) path_in(folder, L"control");
  if (!GetFileAttributesExW(folder, GetFileExInfoStandard, &data)) return FALSE;
  UINT64 written = (UINT64)data.ftLastWriteTime.dwHighDateTime << 32 | data.ftLastWriteTime.dwLowDateTime;
  GetSystemTimeAsFileTime(&clock);
  UINT64 now = (UINT64)clock.dwHighDateTime << 32 | clock.dwLowDateTime;
  BOOL changed = written != seen || now - written < fresh;
  seen = written;
  return changed;
}

/* In the order of their names. A file that is gone has been done, and the dump says so. */
void poll_control(void) {
  WCHAR pattern[MAX_PATH], path[MAX_PATH], relative[MAX_PATH];
  if (!control_changed()) return;
  path_in(pattern, L"control\\*.cmd");
  for (;;) {
    WIN32_FIND_DATAW found;
    HANDLE search = FindFirstFileW(pattern, &found);
    if (search == INVALID_HANDLE_VALUE) return;
    WCHAR first[MAX_PATH];
    wcscpy(first, found.cFileName);
    while (FindNextFileW(search, &found)) {
      if (wcscmp(found.cFileName, first) < 0) wcscpy(first, found.cFileName);
    }
    FindClose(search);
    _snwprintf(relative, MAX_PATH, L"control\\%ls", first);
    path_in(path, relative);
    DWORD size;
    BYTE *commands = read_whole(path, &size);
    if (commands == NULL) return;
    control((const char *)commands);
    free(commands);
    write_dump();
    if (!DeleteFileW(path)) return;
  }
}

/* Exported: the same from inside. Text in UTF-8, a command a line. ERROR_INVALID_PARAMETER: one could not be done. */
DWORD WINAPI CordonBfeControl(const char *commands);
DWORD WINAPI CordonBfeControl(const char *commands) {
  if (null_mode) return 0;
  if (!lock()) return ERROR_OPEN_FAILED;
  poll_control();
  BOOL well = control(commands);
  write_dump();
  unlock();
  return well ? 0 : ERROR_INVALID_PARAMETER;
}
