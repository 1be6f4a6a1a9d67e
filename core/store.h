/* store: the process-side handle behind kevy_store: a live store, or a snapshot of one.
 *
 * Every engine function takes it, and works in the database that is selected (database.h). Reads go through `keys` and `base` (the live
 * table, or a moment's);
 * writers call store_write first. The lock, the thread and all other process-private things live
 * here and never in the region. */
#ifndef KEVY_STORE_H
#define KEVY_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "clock.h"
#include "hashing.h"
#include "snapshot.h"

typedef struct store_lock {
  _Atomic uintptr_t owner; /* a thread's own address, 0 for nobody */
  uint32_t depth;
  _Atomic uint32_t wanted; /* threads that wait for it */
} store_lock;

#define STORE_READY_MAX 8

/* As store.access: no entry has it, so every read asks evict_counted. */
#define ACCESS_COUNTED (UINT32_C(1) << 31)

/* The large value that was found last (collection.c). */
typedef struct store_recent {
  size_t klen;
  uint64_t gone; /* larges_gone of that time: the entry is there while no more have gone */
  struct entry *e;
  uint64_t *slot;
  uint64_t word, hash; /* what the slot held; the key's hash */
} store_recent;

typedef struct kevy_store {
  char *base;        /* of the space's region */
  table *keys;       /* of the database that is selected */
  space *sp;
  unsigned char secret[HASH_SHORT_SECRET]; /* the beginning of the space's: at hand for lookups of short keys */
  moment *frozen;    /* a snapshot's moment, NULL for a live store */
  timeline clock;
  int64_t next_due;  /* no expiry work before this time */
  int32_t until_pay; /* writes until the next slice of upkeep */
  uint32_t access;   /* what a read stores into an entry's access field, or ACCESS_COUNTED */
  uint32_t born;     /* what a new entry has there */
  union {
    struct {
      bool locked; /* carries a lock */
      bool noted;  /* effects wait to be published when this call leaves */
      bool beyond; /* the limit is exceeded, and will hold when this call leaves (evict.h) */
      bool closed;
      bool told; /* what writes do is told (bindings/notify.h): no quick way may be taken */
    };
    uint64_t guard; /* all of them: 0 lets calls in and out without further ado */
  };
  bool grows;             /* the large value that was found last is being written */
  bool touched;           /* something may have changed since effect_begin */
  uint32_t index; /* of the database that is selected */
  uint32_t replayed; /* the database that records which are done again have selected */
  database *db;   /* the one that is selected */
  kevy_status unwritable; /* why writes are refused, KEVY_OK where they are not; another thread may set it */
  struct effects *effects; /* of a store with a log, else NULL */
  struct directory *opening; /* that is being read, else NULL */
  struct events *events;   /* of a store that somebody listens to, else NULL */
  struct evictor *evictor; /* of a store with a policy, else NULL */
  struct notify *notify;   /* of a store that tells what happens to its keys, else NULL */
  struct pubsub *pubsub;   /* of a store that somebody has listened to, else NULL (bindings/pubsub.h) */
  ref last_put;            /* the entry that was put last; never read */
  uint64_t used_before;    /* bytes, when the last write began that came the long way */
  uint32_t flags;    /* KEVY_THREADS, KEVY_BACKGROUND */
  store_lock lock;
  store_recent recent;
  uint64_t hits, misses, expired, evicted;
  ref lent;          /* a blob, or a node and LENT_NODE, held for the last result; 0 for none */
  char *scratch;     /* what other results point into */
  char *batch;       /* and what results too many or too long for it do */
  uint64_t random;   /* state of store_random */
  uint64_t maxmemory;
  kevy_status last_status;
  char message[160]; /* detail of the last error, "" for none */
  char *name;        /* of a named store */
  uint64_t opens;    /* of a named store */
  bool registered;                  /* in the registry */
  struct kevy_store *next_threaded; /* the registry's list */
  struct background *background;
  void (*serve)(struct kevy_store *s); /* gives what was written to who waits for it; NULL: nobody does */
  struct functions *functions;     /* its libraries, as files keep them; NULL: none (functions.h) */
  struct scripting *scripts;       /* of a store that has run one, else NULL */
  void (*close_scripts)(struct scripting *scripts);
  struct transaction *spare;       /* one to begin with, NULL for none */
  struct transaction *transaction; /* the innermost that is open, NULL for none (transaction.h) */
  _Atomic uintptr_t transaction_owner; /* whose it is, or the script that is late: a thread's own address */
  atomic_bool late;                    /* a script is (store_late_begin) */
  bool late_owns;                      /* ... and is what transaction_owner says */
  int64_t opened;        /* when: Unix ms */
  struct saving *saving; /* SAVE and BGSAVE; NULL: there was none */
  struct config *config; /* options that were set while it is open; NULL: none */
  struct kevy_wait *waiters, *waiters_last;
  struct kevy_wait *served; /* of a store with a log: served, and not told before that is as durable as asked for */
  void (*tell)(struct kevy_wait *served, kevy_status durable); /* tells them */
  struct clients *clients;             /* its sessions, NULL: there was none (bindings/clients.h) */
  struct kevy_window *windows;         /* through which others look in (bindings/window) */
  void (*forked)(struct kevy_store *s); /* what a child of a fork does about them first, NULL for nothing */
  uint32_t readies;                    /* keys written since; beyond STORE_READY_MAX any may have been */
  uint64_t ready[STORE_READY_MAX];     /* their hashes */
} kevy_store;

/* Where the keyspace becomes another one. */
static inline void store_forget_recent(kevy_store *s) { s->recent = (store_recent){.gone = UINT64_MAX}; }

/* Takes the lock, where there is one. False, and nothing taken, when the store is closed. */
bool store_enter(kevy_store *s);
bool store_enter_guarded(kevy_store *s);

/* The same without waiting for another thread's transaction to end: for what reads the state before it. */
bool store_enter_beside(kevy_store *s);

/* True when another thread's transaction is open. Needs no lock. */
bool store_taken(const kevy_store *s);

/* As store_enter for a command of a session, which need not wait for the end of a script that is late: *late then, and the
 * lock is given back with store_unlock. */
bool store_enter_command(kevy_store *s, bool *late);

/* ---- A script that is late ----
 * It holds the lock for longer than others should wait. From store_late_begin to store_late_end it is to them like a transaction that
 * another thread has open: they wait without the lock, and it lets those in for a moment that ask for it nevertheless (store_give_way,
 * store_enter_beside). These neither write nor read what is written; nor may they leave as calls do (store_unlock). */
void store_late_begin(kevy_store *s);
void store_late_end(kevy_store *s);

/* Whether one is. Needs no lock; with it, holds as long as it is held. */
static inline bool store_late(kevy_store *s) { return atomic_load_explicit(&s->late, memory_order_acquire); }

/* Gives the lock, which the caller holds however often, to who waits for it, and takes it back. Nothing may be lent. */
void store_give_way(kevy_store *s);

/* After the lock was given back: lets those have it who wait for it, for a millisecond at most. For a thread that takes it again
 * and again, and so would keep others out. */
void store_offer(kevy_store *s);

/* The calling thread's own address. */
uintptr_t store_thread(void);

/* Gives the lock back. Of a store with a log: publishes the effects of the call, and waits, without the lock, until they
 * are as durable as asked for; else KEVY_EDURABILITY. */
kevy_status store_leave(kevy_store *s);
kevy_status store_leave_guarded(kevy_store *s);

/* The same at the end of a call that lends nothing: first pays a slice of upkeep, when writes have made
 * one due, and lets go of what an earlier result borrowed. */
kevy_status store_settle(kevy_store *s);
kevy_status store_settle_guarded(kevy_store *s);
void store_pay(kevy_store *s);
void store_pay_always(kevy_store *s);

/* Its upkeep alone: what the call lends stays. */
void store_pay_lending(kevy_store *s);

/* A key's hash among those that are ready, where it is of this database. */
static inline uint64_t store_ready_hash(uint64_t hash, uint32_t index) { return hash ^ index * UINT64_C(0x9E3779B97F4A7C15); }

/* Notes that a key of the selected database was written that somebody may wait for; serve runs when the call settles. */
void store_note_ready(kevy_store *s, uint64_t hash);

/* The same where any key may have been. */
void store_ready_all(kevy_store *s);

/* What a write sees to first in seldom cases: the moment of a light transaction, which is opened unless the write is one that a
 * light one can take back (light.h); and where memory is short and a large value that went still holds some, takes a larger
 * slice of that back. KEVY_EOOM. */
kevy_status store_write_seldom(kevy_store *s, bool light);

/* What every writer calls first: KEVY_EREADONLY on a snapshot, KEVY_EREFUSED where the log cannot be written. What pins and
 * snapshots let go of is taken back before anything is asked for. */
static inline kevy_status store_writable(const kevy_store *s) {
  return __atomic_load_n(&s->unwritable, __ATOMIC_RELAXED);
}
static inline kevy_status store_write_as(kevy_store *s, bool light) {
  kevy_status writable = store_writable(s);
  if (UNLIKELY(writable != KEVY_OK)) return writable;
  if (UNLIKELY(snapshot_waiting(s->sp))) snapshot_collect_some(s->sp, SNAPSHOT_SLICE);
  if (UNLIKELY(((uintptr_t)s->sp->light | s->sp->graves | (uintptr_t)s->sp->flushed) != 0)) writable = store_write_seldom(s, light);
  s->sp->written = true;
  s->grows = false;
  s->used_before = s->sp->mem.root->used;
  s->until_pay--;
  return writable;
}
static inline kevy_status store_write(kevy_store *s) { return store_write_as(s, false); }

/* The same for a write that does nothing but probe_put, of a string, to one key. */
static inline kevy_status store_write_light(kevy_store *s) { return store_write_as(s, true); }

/* Reclaims what is due: at most `items` expired keys and dead blocks. True when nothing is left. */
bool store_upkeep(kevy_store *s, uint32_t items, uint64_t *expired);

/* The same, and where nothing is left a slice of bringing scattered memory together: nothing may be lent. */
bool store_reclaim(kevy_store *s, uint32_t items, uint64_t *expired);

/* Of the deadline index, and of what wakes hashes. */
uint64_t store_wheel_bytes(const space *sp);

static inline int64_t store_now(const kevy_store *s) {
  return UNLIKELY(s->frozen != NULL) ? s->frozen->now : clock_now(&s->clock);
}
/* What deadlines are held against: while a log is done again none has come. */
static inline int64_t store_due_time(const kevy_store *s) {
  return UNLIKELY(s->clock.still) ? INT64_MIN : store_now(s);
}
static inline bool store_passed(kevy_store *s, int64_t deadline) {
  return UNLIKELY(s->frozen != NULL) ? deadline <= s->frozen->now
                                     : clock_passed(&s->clock, deadline);
}

/* Notes a failure for kevy_errmsg; detail that the engine recorded for it stays. Returns the status. */
static inline kevy_status store_noted(kevy_store *s, kevy_status status) {
  if (LIKELY(status >= 0)) return status;
  if (s->last_status != status) s->message[0] = '\0';
  s->last_status = status;
  return status;
}

/* For fork: takes the lock, also of a store that needs none, where that needs no waiting; and what gives a lock back, whatever
 * was taken with it. */
bool store_try_lock(kevy_store *s);
void store_unlock(kevy_store *s);

/* Records an error with detail and returns it. */
__attribute__((format(printf, 3, 4))) kevy_status store_fail(kevy_store *s, kevy_status status,
                                                            const char *format, ...);

/* KEVY_OK, or KEVY_EARG with its text where the conditions among the flags (KEVY_NX, KEVY_XX, KEVY_GT, KEVY_LT) exclude each
 * other. */
kevy_status store_conditions(kevy_store *s, uint32_t flags);

/* Memory for one result of at most BLOB_THRESHOLD bytes, valid until the next result. It never moves, so that
 * an argument may lie in it. NULL: no memory, and only where it was never used before. */
char *store_scratch(kevy_store *s);

/* Keeps one owner's count of a blob for the result that borrows it; the blob lent before is let go. */
void store_lend_blob(kevy_store *s, ref held);

/* The same with a node that nothing refers to any more: it is retired then. */
#define LENT_NODE UINT64_C(1)
void store_lend_node(kevy_store *s, ref taken);

/* A pseudo-random number (splitmix64), seeded from the space's secret. Context is the store. */
uint64_t store_random(void *s);

/* Bytes that are used by no key: the sum of overhead.def. With what memory_usage says of every key it is used_memory, exactly. */
uint64_t store_overhead(const kevy_store *s);

/* The index-th figure (info.def). KEVY_MISSING past the last. */
kevy_status store_info(kevy_store *s, size_t index, const char **name, kevy_value *value);
void store_reset_stats(kevy_store *s);

/* Puts a new, empty space under the store; inside a transaction the old one stays aside until its end. */
kevy_status store_clear(kevy_store *s);

/* Puts the space of another store, which nobody else knows, under this one, and takes over its clock; the other has this one's
 * then. */
void store_adopt(kevy_store *s, kevy_store *from);
/* Lets go of what the last result borrowed. */
void store_unlend(kevy_store *s);

/* Puts other libraries of functions in place of the store's, which it holds from now on. */
void store_set_functions(kevy_store *s, struct functions *f);

/* Puts this space under the store. */
void store_attach(kevy_store *s, space *sp);

#endif
