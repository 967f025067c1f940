/* dump.json: all that there is, written anew whenever something has changed; and the journal of calls. */
#include "bfe.h"

static const char *const phase_names[] = {"running", "stopped", "booting"};
static const char *const mode_names[] = {"none", "read", "write"};

static BOOL in_force(const struct object *o) {
  if (o->kind != KIND_FILTER) return shared->phase == PHASE_RUNNING;
  BOOL boot = (object_flags(o) & FWPM_FILTER_FLAG_BOOTTIME) != 0;
  switch ((enum phase)shared->phase) {
    case PHASE_RUNNING:
      return !boot;
    case PHASE_BOOTING:
      return boot;
    case PHASE_STOPPED:
      break;
  }
  return FALSE;
}

static void put_objects(struct text *t, const char *member, const struct table *table) {
  struct object **all = table_sorted(table);
  put(t, ",\"%s\":[", member);
  for (size_t i = 0; i < table->live; i++) {
    struct object *o = all[i];
    if (o->json == NULL) {
      struct text own = {0};
      put_object(&own, o);
      o->json = own.at;
    }
    if (i > 0) put(t, ",");
    put_raw(t, o->json, strlen(o->json));
    if (o->kind == KIND_FILTER) put(t, ",\"inForce\":%s", in_force(o) ? "true" : "false");
    put(t, "}\n");
  }
  put(t, "]");
  free(all);
}

static void put_sessions(struct text *t) {
  int n = 0;
  put(t, ",\"sessions\":[");
  for (const struct session *s = shared->sessions; s < shared->sessions + MAX_SESSIONS; s++) {
    if (s->id == 0) continue;
    put(t, "%s{\"id\":\"%llu\",\"processId\":%u,\"key\":", n++ > 0 ? "," : "", (unsigned long long)s->id, s->pid);
    put_guid(t, &s->key);
    put(t, ",\"name\":");
    put_string(t, s->name);
    put(t, ",\"username\":");
    put_string(t, s->username);
    put(t, ",\"dynamic\":%s,\"lockWaitMs\":%u,\"transaction\":\"%s\",\"holdsLock\":%s}",
        s->flags & FWPM_SESSION_FLAG_DYNAMIC ? "true" : "false", s->timeout, mode_names[s->txn],
        shared->writer == s->id ? "true" : "false");
  }
  put(t, "]");
}

static void put_counters(struct text *t) {
  INT32 allocations = 0, enumerations = 0, subscriptions = 0, sessions = 0;
  for (const struct process *p = shared->processes; p < shared->processes + MAX_PROCESSES; p++) {
    allocations += p->allocations;
    enumerations += p->enum_handles;
    subscriptions += p->subscriptions;
  }
  for (const struct session *s = shared->sessions; s < shared->sessions + MAX_SESSIONS; s++) sessions += s->id != 0;
  put(t, ",\"counters\":{\"allocations\":%d,\"enumHandles\":%d,\"subscriptions\":%d,\"sessions\":%d}", allocations,
      enumerations, subscriptions, sessions);
}

static void put_faults(struct text *t) {
  static const char *const kinds[] = {"", "fail", "fail-after", "delay"};
  int n = 0;
  put(t, ",\"faults\":[");
  for (const struct fault *f = shared->faults; f < shared->faults + MAX_FAULTS; f++) {
    if (f->kind == FAULT_NONE) continue;
    put(t, "%s{\"kind\":\"%s\",\"function\":\"%s\",\"call\":%u,\"value\":%u,\"times\":%u}", n++ > 0 ? "," : "",
        kinds[f->kind], function_names[f->function], f->skip + 1, f->value, f->times);
  }
  put(t, "],\"errors\":[");
  for (UINT32 i = 0; i < shared->errors && i < MAX_ERRORS; i++) {
    if (i > 0) put(t, ",");
    put_utf8(t, shared->error[i]);
  }
  put(t, "],\"errorCount\":%u", shared->errors);
}

void write_dump(void) {
  const struct state *s = committed();
  struct text t = {0};
  put(&t, "{\"version\":%llu,\"phase\":\"%s\",\"journal\":%llu", (unsigned long long)s->version,
      phase_names[shared->phase], (unsigned long long)shared->journal);
  put_counters(&t);
  put_sessions(&t);
  put_faults(&t);
  put_objects(&t, "providers", &s->of[KIND_PROVIDER]);
  put_objects(&t, "sublayers", &s->of[KIND_SUBLAYER]);
  put_objects(&t, "filters", &s->of[KIND_FILTER]);
  put(&t, "}\n");
  shared->dirty = !write_whole(L"dump.json", t.at, t.used);
  if (shared->history) {
    WCHAR name[48];
    _snwprintf(name, 48, L"history\\%llu.json", (unsigned long long)s->version);
    write_whole(name, t.at, t.used);
  }
  free(t.at);
}

void journal(const struct call *c, DWORD result) {
  static HANDLE file = INVALID_HANDLE_VALUE;
  shared->journal++;
  if (shared->quiet) return;
  if (file == INVALID_HANDLE_VALUE) {
    WCHAR path[MAX_PATH];
    path_in(path, L"journal.jsonl");
    file = CreateFileW(path, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_ALWAYS,
                       0, NULL);
  }
  struct text t = {0};
  put(&t, "{\"sequence\":%llu,\"pid\":%lu,\"thread\":%lu,\"function\":\"%s\",\"session\":\"%llu\",\"arguments\":",
      (unsigned long long)shared->journal, GetCurrentProcessId(), GetCurrentThreadId(), function_names[c->function],
      (unsigned long long)(c->session == NULL ? 0 : c->session->id));
  put_utf8(&t, c->arguments);
  put(&t, ",\"result\":%lu,\"transaction\":\"%s\",\"committed\":%s,\"version\":%llu}\n", result,
      mode_names[c->session == NULL ? TXN_NONE : c->session->txn], c->committed ? "true" : "false",
      (unsigned long long)shared->version);
  DWORD written;
  WriteFile(file, t.at, (DWORD)t.used, &written, NULL);
  free(t.at);
}
