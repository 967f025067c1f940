/* What is committed: in memory as long as no other process has committed since, and in state.bin. */
#include "bfe.h"

#define MAGIC 0x53544131u

static struct state *current;

struct header {
  UINT32 magic, objects;
  UINT64 version;
};

/* As an object stands in the file; bytes, relocations and sd follow. */
struct record {
  UINT32 kind, builtin, size, sd_size, relocations, padding;
  UINT64 session, id, base;
};

BYTE *read_whole(const WCHAR *path, DWORD *size) {
  HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                            OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return NULL;
  *size = GetFileSize(file, NULL);
  BYTE *data = malloc(*size + 1);
  DWORD got = 0;
  BOOL read = ReadFile(file, data, *size, &got, NULL) && got == *size;
  CloseHandle(file);
  if (!read) {
    free(data);
    return NULL;
  }
  data[*size] = 0;
  return data;
}

BOOL write_whole(const WCHAR *name, const void *data, size_t size) {
  WCHAR path[MAX_PATH], new_path[MAX_PATH];
  path_in(path, name);
  _snwprintf(new_path, MAX_PATH, L"%ls.new", path);
  HANDLE file = CreateFileW(new_path, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, CREATE_ALWAYS, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return FALSE;
  DWORD written = 0;
  BOOL well = WriteFile(file, data, (DWORD)size, &written, NULL) && written == size;
  CloseHandle(file);
  return well && MoveFileExW(new_path, path, MOVEFILE_REPLACE_EXISTING);
}

static void add_builtin(struct state *s) {
  FWPM_SUBLAYER0 universal = {.displayData = {.name = L"Universal sublayer"}};
  universal.subLayerKey = (GUID){0xeebecc03, 0xced4, 0x4380, {0x81, 0x9a, 0x27, 0x34, 0x39, 0x7b, 0x2b, 0x74}};
  universal.weight = 0x8000;
  struct object *o;
  if (object_make(KIND_SUBLAYER, &universal, NULL, 0, &o) != 0) return;
  o->builtin = TRUE;
  table_add(&s->of[KIND_SUBLAYER], o);
}

static struct state *parse(const BYTE *data, DWORD size) {
  struct state *s = calloc(1, sizeof *s);
  struct header head;
  if (data == NULL || size < sizeof head || (memcpy(&head, data, sizeof head), head.magic != MAGIC)) {
    s->version = shared->version;
    add_builtin(s);
    return s;
  }
  s->version = head.version;
  const BYTE *at = data + sizeof head;
  for (UINT32 i = 0; i < head.objects; i++) {
    struct record r;
    memcpy(&r, at, sizeof r);
    at += sizeof r;
    /* A view of what stands in the file, of which object_with_sd makes a copy with its pointers in place. */
    struct object view = {.kind = r.kind, .builtin = r.builtin != 0, .session = r.session, .id = r.id, .size = r.size,
                          .sd_size = r.sd_size, .relocations = r.relocations};
    view.bytes = malloc(r.size);
    memcpy(view.bytes, at, r.size);
    at += r.size;
    view.relocation = malloc(r.relocations * sizeof(UINT32) + 1);
    memcpy(view.relocation, at, r.relocations * sizeof(UINT32));
    at += r.relocations * sizeof(UINT32);
    for (UINT32 n = 0; n < r.relocations; n++) {
      UINT64 target;
      memcpy(&target, view.bytes + view.relocation[n], 8);
      target = target - r.base + (UINT64)(UINT_PTR)view.bytes;
      memcpy(view.bytes + view.relocation[n], &target, 8);
    }
    table_add(&s->of[r.kind], object_with_sd(&view, at, r.sd_size));
    at += r.sd_size;
    free(view.bytes);
    free(view.relocation);
  }
  return s;
}

void forget_committed(void) {
  state_free(current);
  current = NULL;
}

const struct state *committed(void) {
  if (current != NULL && current->version == shared->version) return current;
  WCHAR path[MAX_PATH];
  DWORD size = 0;
  path_in(path, L"state.bin");
  BYTE *data = read_whole(path, &size);
  state_free(current);
  current = parse(data, size);
  free(data);
  /* A process may have died between the file and the number. */
  shared->version = current->version;
  return current;
}

static BOOL save(const struct state *s) {
  struct text file = {0};
  struct header head = {.magic = MAGIC, .version = s->version};
  for (int kind = 0; kind < KINDS; kind++) head.objects += (UINT32)s->of[kind].live;
  put_raw(&file, (const char *)&head, sizeof head);
  for (int kind = 0; kind < KINDS; kind++) {
    struct object **all = table_sorted(&s->of[kind]);
    for (size_t i = 0; i < s->of[kind].live; i++) {
      const struct object *o = all[i];
      struct record r = {.kind = o->kind, .builtin = (UINT32)o->builtin, .size = o->size, .sd_size = o->sd_size,
                         .relocations = o->relocations, .session = o->session, .id = o->id,
                         .base = (UINT64)(UINT_PTR)o->bytes};
      put_raw(&file, (const char *)&r, sizeof r);
      put_raw(&file, (const char *)o->bytes, o->size);
      put_raw(&file, (const char *)o->relocation, o->relocations * sizeof(UINT32));
      put_raw(&file, (const char *)o->sd, o->sd_size);
    }
    free(all);
  }
  BOOL saved = write_whole(L"state.bin", file.at, file.used);
  free(file.at);
  return saved;
}

/* A transaction may have begun before a dynamic session ended, and still hold what that owned. */
static void drop_orphans(struct state *s) {
  for (int kind = KINDS - 1; kind >= 0; kind--) {
    struct object **all = table_sorted(&s->of[kind]);
    for (size_t i = 0, n = s->of[kind].live; i < n; i++) {
      if (all[i]->session != 0 && session_of(all[i]->session) == NULL) table_remove(&s->of[kind], object_key(all[i]));
    }
    free(all);
  }
}

DWORD commit(struct state *next, UINT64 session) {
  const struct state *before = committed();
  drop_orphans(next);
  next->version = before->version + 1;
  if (!save(next)) {
    state_free(next);
    return ERROR_WRITE_FAULT;
  }
  shared->version = next->version;
  publish(before, next, session);
  state_free(current);
  current = next;
  if (shared->lazy) shared->dirty = 1;
  else write_dump();
  return 0;
}

void bfe_stop(enum phase then) {
  shared->phase = then;
  shared->epoch++;
  shared->writer = 0;
  for (struct session *s = shared->sessions; s < shared->sessions + MAX_SESSIONS; s++) {
    UINT64 id = s->id;
    memset(s, 0, sizeof *s);
    if (id == 0) continue;
    forget_transaction(id);
    drop_enumerations(id);
  }
  struct state *next = state_clone(committed());
  for (int kind = KINDS - 1; kind >= 0; kind--) {
    struct object **all = table_sorted(&next->of[kind]);
    for (size_t i = 0, n = next->of[kind].live; i < n; i++) {
      if (!object_lasts(all[i])) table_remove(&next->of[kind], object_key(all[i]));
    }
    free(all);
  }
  commit(next, 0);
}

void bfe_reset(void) {
  struct state *next = calloc(1, sizeof *next);
  for (struct session *s = shared->sessions; s < shared->sessions + MAX_SESSIONS; s++) {
    if (s->foreign) memset(s, 0, sizeof *s);
  }
  shared->writer = 0;
  shared->epoch++;
  shared->phase = PHASE_RUNNING;
  shared->errors = shared->odd = shared->quiet = shared->history = shared->lazy = shared->drop = shared->duplicate = 0;
  memset(shared->faults, 0, sizeof shared->faults);
  add_builtin(next);
  commit(next, 0);
}
