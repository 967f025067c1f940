/* Memory that is handed to callers and comes back through FwpmFreeMemory0: counted, poisoned when it is freed, and kept
 * for a while then, so that a second free of it is known for what it is. */
#include "bfe.h"

#define KEPT 1024
#define KEPT_BYTES (32u << 20)
#define POISON 0xdd

struct allocation {
  BYTE *base, *given;
  size_t size;
  struct allocation *next;
};

static struct allocation *live;
static struct allocation *kept[KEPT];
static size_t kept_next, kept_bytes;

BYTE *give(size_t size) {
  struct allocation *a = malloc(sizeof *a);
  a->base = calloc(1, size + 8);
  a->given = a->base + (shared->odd ? 1 : 0);
  a->size = size;
  a->next = live;
  live = a;
  this_process()->allocations++;
  shared->dirty = 1;
  return a->given;
}

static void forget(size_t slot) {
  if (kept[slot] == NULL) return;
  kept_bytes -= kept[slot]->size;
  free(kept[slot]->base);
  free(kept[slot]);
  kept[slot] = NULL;
}

static void keep(struct allocation *a) {
  memset(a->given, POISON, a->size);
  forget(kept_next);
  kept[kept_next] = a;
  kept_next = (kept_next + 1) % KEPT;
  kept_bytes += a->size;
  for (size_t i = 0; kept_bytes > KEPT_BYTES && i < KEPT; i++) forget((kept_next + i) % KEPT);
}

static void take_back(BYTE *given) {
  for (struct allocation **at = &live; *at != NULL; at = &(*at)->next) {
    struct allocation *a = *at;
    if (a->given != given) continue;
    *at = a->next;
    keep(a);
    this_process()->allocations--;
    shared->dirty = 1;
    return;
  }
  for (size_t i = 0; i < KEPT; i++) {
    if (kept[i] == NULL || kept[i]->given != given) continue;
    record_error("FwpmFreeMemory0: %p was freed before", (void *)given);
    return;
  }
  record_error("FwpmFreeMemory0: %p did not come from here", (void *)given);
}

void WINAPI FwpmFreeMemory0(void **p) {
  if (null_mode || p == NULL) return;
  struct call c;
  enter(&c, F_FwpmFreeMemory0, NO_ENGINE);
  BYTE *given;
  memcpy(&given, p, sizeof given);
  if (c.entered && given != NULL) take_back(given);
  memset(p, 0, sizeof given);
  leave(&c, 0);
}
