/* Objects by key: open addressing; what was removed leaves a mark until the table grows. */
#include "bfe.h"

static struct object removed;

static size_t first_slot(const struct table *t, const GUID *key) {
  UINT64 hash = 1469598103934665603ull;
  for (size_t i = 0; i < sizeof *key; i++) hash = (hash ^ ((const BYTE *)key)[i]) * 1099511628211ull;
  return (size_t)(hash ^ (hash >> 32)) & (t->capacity - 1);
}

static struct object **slot_of(const struct table *t, const GUID *key) {
  if (t->capacity == 0) return NULL;
  for (size_t i = first_slot(t, key); t->slot[i] != NULL; i = (i + 1) & (t->capacity - 1)) {
    if (t->slot[i] != &removed && IsEqualGUID(object_key(t->slot[i]), key)) return &t->slot[i];
  }
  return NULL;
}

static void insert(struct table *t, struct object *o) {
  size_t i = first_slot(t, object_key(o));
  while (t->slot[i] != NULL) i = (i + 1) & (t->capacity - 1);
  t->slot[i] = o;
  t->used++;
}

static void grow(struct table *t) {
  struct table larger = {.capacity = 64};
  while (larger.capacity < t->live * 4) larger.capacity *= 2;
  larger.slot = calloc(larger.capacity, sizeof *larger.slot);
  larger.live = t->live;
  for (size_t i = 0; i < t->capacity; i++) {
    if (t->slot[i] != NULL && t->slot[i] != &removed) insert(&larger, t->slot[i]);
  }
  free(t->slot);
  *t = larger;
}

struct object *table_find(const struct table *t, const GUID *key) {
  struct object **slot = slot_of(t, key);
  return slot == NULL ? NULL : *slot;
}

BOOL table_add(struct table *t, struct object *o) {
  if (table_find(t, object_key(o)) != NULL) return FALSE;
  if ((t->used + 1) * 2 > t->capacity) grow(t);
  insert(t, o);
  t->live++;
  return TRUE;
}

void table_remove(struct table *t, const GUID *key) {
  struct object **slot = slot_of(t, key);
  if (slot == NULL) return;
  object_release(*slot);
  *slot = &removed;
  t->live--;
}

static int by_id(const void *a, const void *b) {
  UINT64 left = (*(struct object *const *)a)->id, right = (*(struct object *const *)b)->id;
  return left < right ? -1 : left > right;
}

struct object **table_sorted(const struct table *t) {
  struct object **all = malloc((t->live + 1) * sizeof *all);
  size_t n = 0;
  for (size_t i = 0; i < t->capacity; i++) {
    if (t->slot[i] != NULL && t->slot[i] != &removed) all[n++] = t->slot[i];
  }
  qsort(all, n, sizeof *all, by_id);
  return all;
}

struct state *state_clone(const struct state *s) {
  struct state *copy = malloc(sizeof *copy);
  *copy = *s;
  for (int kind = 0; kind < KINDS; kind++) {
    struct table *t = &copy->of[kind];
    if (t->capacity == 0) continue;
    t->slot = malloc(t->capacity * sizeof *t->slot);
    memcpy(t->slot, s->of[kind].slot, t->capacity * sizeof *t->slot);
    for (size_t i = 0; i < t->capacity; i++) {
      if (t->slot[i] != NULL && t->slot[i] != &removed) t->slot[i]->refs++;
    }
  }
  return copy;
}

void state_free(struct state *s) {
  if (s == NULL) return;
  for (int kind = 0; kind < KINDS; kind++) {
    struct table *t = &s->of[kind];
    for (size_t i = 0; i < t->capacity; i++) {
      if (t->slot[i] != NULL && t->slot[i] != &removed) object_release(t->slot[i]);
    }
    free(t->slot);
  }
  free(s);
}

struct object *filter_by_id(const struct state *s, UINT64 id) {
  const struct table *t = &s->of[KIND_FILTER];
  for (size_t i = 0; i < t->capacity; i++) {
    if (t->slot[i] != NULL && t->slot[i] != &removed && t->slot[i]->id == id) return t->slot[i];
  }
  return NULL;
}
