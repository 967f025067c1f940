/*
 * The double of BFE: what its parts share. README.md beside this folder says what it models and on which facts it rests.
 *
 * One named mutex guards everything, in this process and in the others of the prefix: it is held from `enter` to `leave` of
 * a call, and let go where a call waits. The lock of transactions is something else: a number in shared memory, owned by a
 * session, whichever threads its calls come from.
 */
#ifndef CORDON_BFE_H
#define CORDON_BFE_H

#include <winsock2.h>
#include <windows.h>
#include <fwpmu.h>
#include <stdio.h>

/* What the headers of mingw-w64 lack. Source: fwpmu.h of the Windows SDK. */
#define FWPM_SESSION_FLAG_DYNAMIC 1u
#define FWPM_TXN_READ_ONLY 1u
#define FWPM_OBJECT_FLAG_PERSISTENT 1u
#define FWPM_FILTER_FLAG_BOOTTIME 2u
#define FWPM_FILTER_FLAG_HAS_PROVIDER_CONTEXT 4u
#define FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT 8u
#define FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED 0x10u
#define FWPM_FILTER_FLAG_INDEXED 0x40u
#define FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_ADD 1u
#define FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_DELETE 2u
#define FWP_MATCH_PREFIX 11
#define FWP_MATCH_NOT_PREFIX 12
#define E_INVALID_SD 0x8007053Au

/* Functions that are journalled and can be made to fail. */
#define FUNCTIONS(F)                                                                                                   \
  F(FwpmEngineOpen0) F(FwpmEngineClose0) F(FwpmTransactionBegin0) F(FwpmTransactionCommit0) F(FwpmTransactionAbort0)   \
  F(FwpmProviderAdd0) F(FwpmProviderDeleteByKey0) F(FwpmProviderGetByKey0) F(FwpmProviderCreateEnumHandle0)            \
  F(FwpmProviderEnum0) F(FwpmProviderDestroyEnumHandle0) F(FwpmProviderGetSecurityInfoByKey0)                          \
  F(FwpmProviderSetSecurityInfoByKey0) F(FwpmSubLayerAdd0) F(FwpmSubLayerDeleteByKey0) F(FwpmSubLayerGetByKey0)        \
  F(FwpmSubLayerCreateEnumHandle0) F(FwpmSubLayerEnum0) F(FwpmSubLayerDestroyEnumHandle0)                              \
  F(FwpmSubLayerGetSecurityInfoByKey0) F(FwpmSubLayerSetSecurityInfoByKey0) F(FwpmFilterAdd0)                          \
  F(FwpmFilterDeleteByKey0) F(FwpmFilterDeleteById0) F(FwpmFilterGetByKey0) F(FwpmFilterGetById0)                      \
  F(FwpmFilterCreateEnumHandle0) F(FwpmFilterEnum0) F(FwpmFilterDestroyEnumHandle0)                                    \
  F(FwpmFilterGetSecurityInfoByKey0) F(FwpmFilterSetSecurityInfoByKey0) F(FwpmFilterSubscribeChanges0)                 \
  F(FwpmFilterUnsubscribeChanges0) F(FwpmSessionCreateEnumHandle0) F(FwpmSessionEnum0)                                 \
  F(FwpmSessionDestroyEnumHandle0) F(FwpmGetAppIdFromFileName0) F(FwpmFreeMemory0)

enum function {
#define NAME(f) F_##f,
  FUNCTIONS(NAME)
#undef NAME
  F_ANY
};
extern const char *const function_names[];

enum kind { KIND_PROVIDER, KIND_SUBLAYER, KIND_FILTER, KINDS };
enum phase { PHASE_RUNNING, PHASE_STOPPED, PHASE_BOOTING };
enum txn_mode { TXN_NONE, TXN_READ, TXN_WRITE };

/* ---- objects (object.c, table.c): immutable, counted, one block of memory each, so that copying is moving pointers */

struct object {
  LONG refs;
  enum kind kind;
  BOOL builtin;
  UINT64 session; /* dynamic: whose; 0: not dynamic */
  UINT64 id;      /* order of adding; of a filter its run-time id */
  UINT32 size, sd_size, relocations;
  UINT32 *relocation; /* offsets of pointers in bytes */
  BYTE *bytes;        /* FWPM_PROVIDER0, FWPM_SUBLAYER0 or FWPM_FILTER0 and all that it points to */
  BYTE *sd;           /* self-relative security descriptor or NULL */
  char *json;         /* made when it is dumped first */
};

struct table {
  struct object **slot;
  size_t capacity, used, live;
};

struct state {
  UINT64 version;
  struct table of[KINDS];
};

DWORD object_make(enum kind kind, const void *structure, PSECURITY_DESCRIPTOR sd, UINT64 session, struct object **made);
struct object *object_with_sd(const struct object *o, const BYTE *sd, UINT32 sd_size);
void object_release(struct object *o);
/* Writes the object's block to `to`, its pointers turned to there. */
void object_copy(const struct object *o, BYTE *to);
UINT32 object_flags(const struct object *o);
const GUID *object_key(const struct object *o);
const GUID *object_provider(const struct object *o);
BOOL object_lasts(const struct object *o); /* persistent or boot-time: survives a restart */

struct object *table_find(const struct table *t, const GUID *key);
BOOL table_add(struct table *t, struct object *o);
void table_remove(struct table *t, const GUID *key);
/* All objects by id; the array (not the objects) is the caller's. */
struct object **table_sorted(const struct table *t);
struct state *state_clone(const struct state *s);
void state_free(struct state *s);
struct object *filter_by_id(const struct state *s, UINT64 id);

/* ---- shared memory (shared.c) */

#define MAX_SESSIONS 64
#define MAX_PROCESSES 32
#define MAX_FAULTS 64
#define MAX_ERRORS 16
#define MAX_CHANGES 16384

struct session {
  UINT64 id; /* 0: free */
  UINT32 epoch, pid;
  UINT64 started; /* when the process was */
  UINT32 flags, timeout, txn;
  BOOL foreign; /* made by the control, without a process */
  GUID key;
  WCHAR name[128], description[128], username[64];
  BYTE sid[72];
};

struct process {
  UINT32 pid;
  UINT64 started;
  INT32 allocations, enum_handles, subscriptions;
};

enum fault_kind { FAULT_NONE, FAULT_FAIL, FAULT_FAIL_AFTER, FAULT_DELAY };
struct fault {
  enum fault_kind kind;
  enum function function;
  UINT32 skip, times, value;
};

struct change {
  UINT64 session; /* whose change it was */
  FWPM_FILTER_CHANGE0 change;
  GUID layer, provider;
  UINT32 flags, action;
};

struct shared {
  UINT32 magic;
  UINT64 version, next_id, journal;
  UINT32 phase, epoch;
  UINT64 writer; /* session that holds the lock */
  ULONGLONG reaped;
  UINT32 odd, quiet, history, lazy, dirty, drop, duplicate;
  struct session sessions[MAX_SESSIONS];
  struct process processes[MAX_PROCESSES];
  struct fault faults[MAX_FAULTS];
  UINT32 errors;
  char error[MAX_ERRORS][200];
  UINT64 changes; /* ever published */
  struct change change[MAX_CHANGES];
};

extern struct shared *shared;
extern BOOL null_mode; /* every call succeeds at once: for benchmarks */
BOOL lock(void); /* FALSE: the folder cannot be used */
void unlock(void);
void path_in(WCHAR *path, const WCHAR *name); /* MAX_PATH characters */
struct process *this_process(void);
struct session *session_of(UINT64 id);
/* Ends the sessions whose process is gone, or that are of an earlier BFE. */
void reap(BOOL now);
void session_end(struct session *s);
void record_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
BOOL process_lives(UINT32 pid, UINT64 started);
UINT64 process_started(HANDLE process);

/* ---- state of all processes (store.c) */

const struct state *committed(void);
void forget_committed(void);
/* Takes `next` over, writes it down, tells subscribers. `session` made the changes; 0: BFE itself. */
DWORD commit(struct state *next, UINT64 session);
void bfe_stop(enum phase then);
void bfe_reset(void);
BOOL write_whole(const WCHAR *name, const void *data, size_t size);
/* NULL where there is none; to be freed. */
BYTE *read_whole(const WCHAR *path, DWORD *size);

/* ---- calls (call.c) */

struct call {
  enum function function;
  struct session *session;
  struct state *implicit;
  DWORD after; /* code that replaces success */
  BOOL entered, committed;
  char arguments[240];
};

#define NO_ENGINE ((HANDLE)(INT_PTR)-1)
/* Journal, faults, BFE's phase and the session. Where it fails, `leave` is still to be called. */
DWORD enter(struct call *c, enum function function, HANDLE engine);
DWORD leave(struct call *c, DWORD result);
void arguments(struct call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* State to read from or to change: the transaction's, or that of one around this call. */
DWORD reading(struct call *c, const struct state **s);
DWORD writing(struct call *c, struct state **s);
DWORD begin(struct call *c, BOOL write);
DWORD finish(struct call *c, BOOL keep);
void forget_transaction(UINT64 session);
const char *guid_text(const GUID *g, char *text); /* 37 characters */

/* ---- the rest */

BYTE *give(size_t size); /* memory for the caller of the API (memory.c) */
DWORD check_filter(const FWPM_FILTER0 *f, const struct state *s, const struct call *c); /* check.c */
DWORD check_link(const struct object *to, UINT32 flags, UINT64 session, const GUID *provider);
const char *layer_name(const GUID *g); /* NULL: unknown (layers.c) */
const char *field_name(const GUID *g);
BOOL field_type(const GUID *layer, const GUID *field, FWP_DATA_TYPE *type);
void write_dump(void); /* dump.c */
void journal(const struct call *c, DWORD result);
void poll_control(void); /* control.c */
BOOL control(const char *commands);
void start_pump(void); /* subscribe.c */
void drop_subscriptions(UINT64 session);
void publish(const struct state *before, const struct state *after, UINT64 session);
void drop_enumerations(UINT64 session); /* enumerate.c */
DWORD check_template(const FWPM_FILTER_ENUM_TEMPLATE0 *t);
/* Does a filter of these flags, layer, provider (NULL: none) and action match? A NULL template leaves boot-time filters out. */
BOOL template_takes(const FWPM_FILTER_ENUM_TEMPLATE0 *t, UINT32 flags, const GUID *layer, const GUID *provider,
                    UINT32 action);

/* ---- growing text (json.c) */

struct text {
  char *at;
  size_t used, capacity;
};
void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void put_raw(struct text *t, const char *bytes, size_t size);
void put_string(struct text *t, const WCHAR *s); /* quoted; null for NULL */
void put_utf8(struct text *t, const char *s);
void put_hex(struct text *t, const void *bytes, size_t size); /* quoted */
void put_guid(struct text *t, const GUID *g);                 /* quoted; null for NULL */
void put_object(struct text *t, const struct object *o);      /* describe.c; without the closing brace */

#endif
