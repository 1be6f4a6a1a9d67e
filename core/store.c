/* store: see store.h. */
#include "store.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "background.h"
#include "blob.h"
#include "compact.h"
#include "database.h"
#include "effect.h"
#include "events.h"
#include "evict.h"
#include "expire.h"
#include "functions.h"
#include "light.h"
#include "persist/directory.h"
#include "snapshot.h"
#include "store_open.h"
#include "timers.h"
#include "transaction.h"

#define PAY_EVERY 64 /* writes between two slices of upkeep */
#define PAY_SOON 4   /* ... while more is due */
#define PAY_MOVING 16 /* ... while memory is brought together */
#define PAY_ITEMS 32 /* what a slice frees or moves at most: some ten microseconds */
#define PAY_LATE 128 /* ... where deadlines are long past */

/* ---- the lock ----
 * Held for the length of one operation, so waiting is short: spin, then yield. Its owner may enter again. */

static inline uintptr_t this_thread(void) {
  static __thread char self __attribute__((tls_model("initial-exec")));
  return (uintptr_t)&self;
}

uintptr_t store_thread(void) { return this_thread(); }

static inline void spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void lock_wait_for(store_lock *l, uintptr_t me) {
  for (unsigned spins = 0;; spins++) {
    uintptr_t nobody = 0;
    if (atomic_load_explicit(&l->owner, memory_order_relaxed) == 0 &&
        atomic_compare_exchange_weak_explicit(&l->owner, &nobody, me, memory_order_acquire,
                                              memory_order_relaxed))
      return;
    if (spins < 64) {
      spin_pause();
    } else if (spins < 256) {
      sched_yield();
    } else {
      struct timespec nap = {0, 50000};
      nanosleep(&nap, NULL);
    }
  }
}

static COLD void lock_wait(store_lock *l, uintptr_t me) {
  atomic_fetch_add_explicit(&l->wanted, 1, memory_order_relaxed);
  lock_wait_for(l, me);
  atomic_fetch_sub_explicit(&l->wanted, 1, memory_order_relaxed);
}

static bool lock_wanted(store_lock *l) {
  return atomic_load_explicit(&l->wanted, memory_order_relaxed) != 0 &&
         atomic_load_explicit(&l->owner, memory_order_relaxed) == 0;
}

#define OFFER_NS UINT64_C(1000000)

void store_offer(kevy_store *s) {
  if (LIKELY(!lock_wanted(&s->lock))) return;
  uint64_t start = clock_ticks();
  while (lock_wanted(&s->lock) && clock_ticks() - start < OFFER_NS) sched_yield();
}

static inline void lock_take(store_lock *l) {
  uintptr_t me = this_thread(), nobody = 0;
  if (LIKELY(atomic_compare_exchange_strong_explicit(&l->owner, &nobody, me, memory_order_acquire,
                                                     memory_order_relaxed)))
    return;
  if (nobody == me) l->depth++;
  else lock_wait(l, me);
}

static inline void lock_give(store_lock *l) {
  if (UNLIKELY(l->depth != 0)) l->depth--;
  else atomic_store_explicit(&l->owner, 0, memory_order_release);
}

bool store_try_lock(kevy_store *s) {
  uintptr_t me = this_thread(), nobody = 0;
  if (!atomic_compare_exchange_strong(&s->lock.owner, &nobody, me)) {
    if (nobody != me) return false;
    s->lock.depth++;
    return true;
  }
  if (!store_late(s)) return true;
  lock_give(&s->lock); /* what it is about to do is half done */
  return false;
}

void store_unlock(kevy_store *s) { lock_give(&s->lock); }

bool store_taken(const kevy_store *s) {
  uintptr_t owner = atomic_load_explicit(&s->transaction_owner, memory_order_acquire);
  return owner != 0 && owner != this_thread();
}

bool store_enter_beside(kevy_store *s) {
  if (!s->locked) return !s->closed;
  if (s->closed) return false;
  lock_take(&s->lock);
  if (!s->closed) return true;
  lock_give(&s->lock);
  return false;
}

/* Another thread's transaction is open: its owner needs the lock for each of its calls. */
static __attribute__((noinline)) bool wait_for_transaction(kevy_store *s, bool command) {
  do {
    lock_give(&s->lock);
    for (unsigned naps = 0; store_taken(s) && !(command && store_late(s)); naps++) {
      struct timespec nap = {0, naps < 20 ? 20000 : 500000};
      nanosleep(&nap, NULL);
    }
    if (!store_enter_beside(s)) return false;
  } while (store_taken(s) && !(command && store_late(s)));
  return true;
}

/* Not COLD: gcc would take every function that enters a store for cold, too, and build it for size. */
__attribute__((noinline)) bool store_enter_guarded(kevy_store *s) {
  if (!store_enter_beside(s)) return false;
  if (LIKELY(!store_taken(s))) return true;
  return wait_for_transaction(s, false);
}

bool store_enter_command(kevy_store *s, bool *late) {
  *late = false;
  if (LIKELY(s->guard == 0)) return true;
  if (!store_enter_beside(s)) return false;
  if (UNLIKELY(store_taken(s)) && !store_late(s) && !wait_for_transaction(s, true)) return false;
  *late = store_late(s);
  return true;
}

/* A transaction of the thread's own keeps others out already. */
void store_late_begin(kevy_store *s) {
  s->late_owns = atomic_load(&s->transaction_owner) == 0;
  if (s->late_owns) atomic_store_explicit(&s->transaction_owner, this_thread(), memory_order_release);
  atomic_store_explicit(&s->late, true, memory_order_release);
}

void store_late_end(kevy_store *s) {
  atomic_store_explicit(&s->late, false, memory_order_release);
  if (s->late_owns) atomic_store_explicit(&s->transaction_owner, 0, memory_order_release);
}

void store_give_way(kevy_store *s) {
  uint32_t depth = s->lock.depth;
  if (atomic_load_explicit(&s->lock.wanted, memory_order_relaxed) == 0) return;
  s->lock.depth = 0;
  lock_give(&s->lock);
  store_offer(s);
  lock_take(&s->lock);
  s->lock.depth = depth;
}

FLAT bool store_enter(kevy_store *s) { return LIKELY(s->guard == 0) || store_enter_guarded(s); }

/* Durability is waited for without the lock, unless the caller holds it around several calls. */
static kevy_status leave_guarded(kevy_store *s, bool lends) {
  kevy_status status = KEVY_OK;
  uint64_t ticket = 0;
  if (UNLIKELY(s->beyond)) evict_settle(s);
  struct kevy_wait *served = NULL;
  if (s->noted && s->effects->held == 0) status = s->effects->publish(s, &ticket);
  if (UNLIKELY(s->served != NULL) && s->effects->deferred == NULL) {
    served = s->served;
    s->served = NULL;
  }
  if (ticket != 0 && UNLIKELY(s->effects->deferred != NULL)) {
    *s->effects->deferred = ticket;
    ticket = 0;
  }
  void (*tell)(struct kevy_wait *, kevy_status) = s->tell;
  if (s->locked) lock_give(&s->lock);
  if (ticket != 0) status = s->effects->wait(s, ticket, lends);
  if (UNLIKELY(served != NULL)) tell(served, status);
  return status;
}

__attribute__((noinline)) kevy_status store_leave_guarded(kevy_store *s) { return leave_guarded(s, true); }
__attribute__((noinline)) kevy_status store_settle_guarded(kevy_store *s) { return leave_guarded(s, false); }

FLAT kevy_status store_leave(kevy_store *s) {
  return UNLIKELY(s->guard != 0) ? store_leave_guarded(s) : KEVY_OK;
}

static void store_let_go(kevy_store *s, ref lent) {
  if (lent & LENT_NODE) node_retire(s->sp, lent & ~LENT_NODE);
  else node_release_blob(s->sp, lent);
}

void store_unlend(kevy_store *s) {
  if (s->lent != 0) store_let_go(s, s->lent);
  s->lent = 0;
}

/* Writes until the next slice. */
static int32_t pay_pace(kevy_store *s) {
  if (LIKELY(s->evictor == NULL)) return PAY_EVERY;
  int32_t pace = evict_pace(s, PAY_EVERY);
  evict_tick(s, (uint32_t)pace);
  return pace;
}

/* A slice grows with the delay of what is due: writes that are few must do with fewer. */
static uint32_t pay_items(const kevy_store *s) {
  int64_t late;
  if (LIKELY(s->next_due == INT64_MAX)) return PAY_ITEMS;
  if (__builtin_sub_overflow(store_now(s), s->next_due, &late)) return PAY_ITEMS; /* not known yet */
  return late <= PAY_ITEMS ? PAY_ITEMS : late < PAY_LATE ? (uint32_t)late : PAY_LATE;
}

/* What the call lends must not move. While deadlines are past memory is not brought together: more of it goes. */
static void pay_upkeep(kevy_store *s, bool lends) {
  if (effect_kept(s)) s->until_pay = --s->effects->until_pay;
  if (s->until_pay <= 0 && LIKELY(s->sp->light == NULL)) {
    if (!store_upkeep(s, pay_items(s), NULL)) s->until_pay = PAY_SOON;
    else {
      s->until_pay = pay_pace(s);
      if (!lends && !compact_slice(s, PAY_ITEMS) && s->until_pay > PAY_MOVING) s->until_pay = PAY_MOVING;
    }
  }
  if (effect_kept(s)) store_pay_always(s);
}

COLD void store_pay(kevy_store *s) {
  store_unlend(s);
  if (UNLIKELY(s->background != NULL)) background_ensure(s);
  if (UNLIKELY(s->readies != 0) && s->serve != NULL && s->transaction == NULL) s->serve(s);
  pay_upkeep(s, false);
}

/* Whoever waits is served by the next call that lends nothing. */
COLD void store_pay_lending(kevy_store *s) {
  if (s->readies == 0) pay_upkeep(s, true);
}

/* Of a store with a log every write settles the long way: the quick ones, which note no effects, stay away. */
void store_pay_always(kevy_store *s) {
  s->effects->until_pay = s->until_pay;
  s->until_pay = 1;
}

FLAT kevy_status store_settle(kevy_store *s) {
  if (UNLIKELY(s->until_pay <= 0 || s->lent != 0)) store_pay(s);
  return UNLIKELY(s->guard != 0) ? store_settle_guarded(s) : KEVY_OK;
}

bool store_upkeep(kevy_store *s, uint32_t items, uint64_t *expired) {
  space *sp = s->sp;
  if (s->frozen != NULL || sp->light != NULL) return true;
  bool collected = snapshot_collect_some(sp, SNAPSHOT_SLICE);
  bool drained = (sp->draining == NULL && sp->graves == 0) || node_drain(sp, items);
  uint32_t apart = items;
  if (UNLIKELY(sp->flushed != NULL)) drained = database_drain(s, &apart) && drained;
  return expire_slice(s, items, expired) && drained && collected && sp->graves == 0;
}

bool store_reclaim(kevy_store *s, uint32_t items, uint64_t *expired) {
  return store_upkeep(s, items, expired) && compact_slice(s, items);
}

void store_note_ready(kevy_store *s, uint64_t hash) {
  if (s->readies < STORE_READY_MAX) s->ready[s->readies] = store_ready_hash(hash, s->index);
  if (s->readies <= STORE_READY_MAX) s->readies++;
  s->until_pay = 0;
}

void store_ready_all(kevy_store *s) {
  if (s->serve == NULL) return;
  s->readies = STORE_READY_MAX + 1;
  s->until_pay = 0;
}

#define EXHUME_WITHIN 16  /* the limit's last sixteenth counts as short */
#define EXHUME_ITEMS 1024 /* some hundred microseconds */

static void store_exhume(kevy_store *s) {
  const mem *m = &s->sp->mem;
  uint32_t items = EXHUME_ITEMS;
  if (m->root->used <= m->limit - m->limit / EXHUME_WITHIN) return;
  database_drain(s, &items);
  node_drain(s->sp, EXHUME_ITEMS);
}

COLD kevy_status store_write_seldom(kevy_store *s, bool light) {
  bool plain = light && s->index == 0 && s->sp->graves == 0 && s->sp->flushed == NULL;
  if (s->sp->light != NULL && !plain && !light_open(s->sp, clock_now(&s->clock))) return KEVY_EOOM;
  if (s->sp->graves != 0 || s->sp->flushed != NULL) store_exhume(s);
  return KEVY_OK;
}

/* ---- results ---- */

kevy_status store_fail(kevy_store *s, kevy_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(s->message, sizeof s->message, format, args);
  va_end(args);
  s->last_status = status;
  return status;
}

kevy_status store_conditions(kevy_store *s, uint32_t flags) {
  if ((flags & KEVY_NX) && (flags & KEVY_XX)) return store_fail(s, KEVY_EARG, "NX and XX exclude each other");
  if ((flags & KEVY_NX) && (flags & (KEVY_GT | KEVY_LT))) return store_fail(s, KEVY_EARG, "NX excludes GT and LT");
  if ((flags & KEVY_GT) && (flags & KEVY_LT)) return store_fail(s, KEVY_EARG, "GT and LT exclude each other");
  return KEVY_OK;
}

/* The first piece is large enough for whatever is below the bulk threshold, so that it does not move while
 * a caller passes a borrowed part of it back. */
char *store_scratch(kevy_store *s) {
  if (UNLIKELY(s->scratch == NULL)) s->scratch = malloc(BLOB_THRESHOLD);
  return s->scratch;
}

void store_lend_blob(kevy_store *s, ref held) {
  ref before = s->lent;
  s->lent = held;
  if (before != 0) store_let_go(s, before);
}

void store_lend_node(kevy_store *s, ref taken) { store_lend_blob(s, taken | LENT_NODE); }

uint64_t store_random(void *context) {
  kevy_store *s = context;
  uint64_t z = (s->random += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

/* ---- figures ---- */

uint64_t store_wheel_bytes(const space *sp) { return (sp->wheel != 0 ? expire_bytes() : 0) + database_timer_bytes(sp); }

/* Of blobs their own account tells. */
static uint64_t store_lent_bytes(const kevy_store *s) {
  if (!(s->lent & LENT_NODE)) return 0;
  return mem_round(((const node *)mem_ptr(s->base, s->lent & ~LENT_NODE))->size);
}

uint64_t store_overhead(const kevy_store *s) {
  const space *sp = s->sp;
  uint64_t bytes = 0;
#define OVERHEAD(label, expression) bytes += (expression);
#include "overhead.def"
#undef OVERHEAD
  return bytes;
}

static uint64_t store_typed(const kevy_store *s, int32_t type) {
  const databases *all = database_all(s);
  if (type != KEVY_TYPE_STRING) return database_typed(all, type);
  uint64_t others = 0;
  for (int32_t t = 0; t < SPACE_TYPES; t++) others += database_typed(all, t);
  return database_keys(all) - others;
}

static kevy_value figure_int(uint64_t i) { return (kevy_value){KEVY_INT, 0, 0, {.i = (int64_t)i}}; }
static kevy_value figure_float(double d) { return (kevy_value){KEVY_FLOAT, 0, 0, {.d = d}}; }

static double store_ratio(uint64_t part, uint64_t of) { return of != 0 ? (double)part / (double)of : 0; }

kevy_status store_info(kevy_store *s, size_t index, const char **name, kevy_value *value) {
  const space *sp = s->sp;
  const mem_root *root = sp->mem.root;
  uint64_t moments = atomic_load_explicit(&sp->live, memory_order_relaxed);
  switch (index) {
#define INFO(position, label, expression)                                                          \
  case position:                                                                                   \
    *name = label;                                                                                 \
    *value = _Generic((expression), double: figure_float, default: figure_int)(expression);         \
    break;
#include "info.def"
#undef INFO
    default:
      return KEVY_MISSING;
  }
  return KEVY_OK;
}

void store_reset_stats(kevy_store *s) { s->hits = s->misses = s->expired = s->evicted = 0; }

/* ---- opening and closing ---- */

void store_attach(kevy_store *s, space *sp) {
  s->sp = sp;
  memcpy(s->secret, sp->secret, sizeof s->secret);
  s->base = sp->mem.base;
  s->db = &sp->db.first;
  s->keys = &s->db->keys;
  s->index = 0;
  s->next_due = INT64_MAX;
  store_forget_recent(s);
  s->until_pay = PAY_EVERY;
}

kevy_store *store_new(uint64_t maxmemory, uint32_t flags) {
  kevy_store *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  space *sp = space_open(maxmemory);
  if (sp == NULL) {
    free(s);
    return NULL;
  }
  store_attach(s, sp);
  s->maxmemory = maxmemory;
  evict_attach(s);
  s->flags = flags;
  s->locked = (flags & KEVY_THREADS) != 0;
  s->clock = clock_open();
  s->opened = clock_now(&s->clock);
  memcpy(&s->random, sp->secret, sizeof s->random);
  s->opens = 1;
  return s;
}

#define FREEZE_ITEMS 128

static kevy_store *store_frozen(kevy_store *s, moment *m) {
  kevy_store *copy = calloc(1, sizeof *copy);
  if (copy == NULL || m == NULL) {
    if (m != NULL) snapshot_close(m);
    free(copy);
    return NULL;
  }
  store_attach(copy, m->sp);
  copy->db = &m->db.first;
  copy->keys = &copy->db->keys;
  copy->frozen = m;
  copy->unwritable = KEVY_EREADONLY;
  copy->clock = s->clock;
  copy->random = s->random ^ m->epoch;
  copy->maxmemory = s->maxmemory;
  copy->access = s->evictor != NULL ? ACCESS_COUNTED : 0; /* of reads of the past nothing is kept */
  copy->functions = functions_hold(s->functions);
  copy->opens = 1;
  return copy;
}

/* Time stands still in a snapshot: a hash whose fields are all due goes now, or is there to the end. */
kevy_store *store_freeze(kevy_store *s) {
  if (UNLIKELY(database_timer_bytes(s->sp) != 0)) (void)expire_slice(s, FREEZE_ITEMS, NULL);
  return store_frozen(s, s->frozen != NULL ? snapshot_share(s->frozen)
                                           : snapshot_open(s->sp, clock_now(&s->clock)));
}

kevy_store *store_freeze_before(kevy_store *s) {
  const transaction *t = s->transaction;
  if (s->sp->light != NULL && !light_open(s->sp, clock_now(&s->clock))) return NULL;
  while (t->outer != NULL) t = t->outer;
  return store_frozen(s, snapshot_share(t->start));
}

void store_free(kevy_store *s) {
  transaction_undo_all(s);
  if (s->frozen != NULL) snapshot_close(s->frozen);
  else space_abandon(s->sp);
  if (s->scripts != NULL) s->close_scripts(s->scripts);
  functions_release(s->functions);
  free(s->scratch);
  free(s->batch);
  transaction_free_spare(s);
  free(s->name);
  free(s->config);
  events_free(s->events);
  evict_free(s->evictor);
  free(s);
}

void store_set_functions(kevy_store *s, functions *f) {
  functions_release(s->functions);
  s->functions = f;
}

kevy_status store_clear(kevy_store *s) {
  if (s->sp->light != NULL && !light_open(s->sp, clock_now(&s->clock))) return KEVY_EOOM;
  space *sp = space_open(s->maxmemory), *old = s->sp;
  if (sp == NULL) return KEVY_EOOM;
  store_unlend(s);
  store_attach(s, sp);
  evict_attach(s);
  if (effect_kept(s)) store_pay_always(s);
  s->touched = true;
  effect_cleared(s);
  if (LIKELY(old->transactions == 0)) space_abandon(old);
  return KEVY_OK;
}

void store_adopt(kevy_store *s, kevy_store *from) {
  store_unlend(s);
  space *old = s->sp;
  int64_t due = from->next_due;
  store_attach(s, from->sp);
  store_attach(from, old);
  evict_adopt(s, from);
  evict_attach(s);
  evict_attach(from);
  s->next_due = due;
  s->clock = from->clock;
  store_set_functions(s, functions_hold(from->functions));
  s->touched = true;
  if (effect_kept(s)) {
    store_pay_always(s);
    effect_cleared(s);
    s->effects->lost = true; /* what is there now no record says */
  }
  store_ready_all(s); /* whatever is waited for may be there now */
}

void store_set_clock(kevy_store *s, int64_t now) {
  int64_t before = store_now(s);
  s->clock.fixed = now;
  if (store_now(s) < before) expire_rewind(s);
}
