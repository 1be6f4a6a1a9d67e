/* evict: see evict.h. */
#include "evict.h"

#include <stdlib.h>

#include "blob.h"
#include "database.h"
#include "collection.h"
#include "ghosts.h"
#include "hashing.h"
#include "probe.h"
#include "timers.h"
#include "wheel.h"

#define BATCH 16          /* keys that go at a time, at most */
#define POOL 192          /* candidates among whom the best are chosen */
#define PLACE_STEP UINT64_C(0x9E3779B97F4A7C15)
#define PLACE_DEPTHS 1
#define SAMPLE_ROUNDS 12  /* so many times as many are looked at before all are walked */
#define PLACES 4          /* of the table, looked at for BATCH keys; fewer for fewer, but more for each */
#define TOGETHER 3        /* buckets that are looked into at a place: one page and one segment for all */
#define PLACES_FOR(keys) ((keys) + 1 < PLACES ? (keys) + 1 : PLACES)
static_assert(PLACES_FOR(BATCH) == PLACES, "all that are wanted at a time");
#define CHOICE 2          /* so many are met for each that goes, and more of a full table: what is used stays */
#define SAMPLE_HAND 5     /* entries that the wheel's hand passes for each eviction */
#define SLACK 10          /* what goes at a time is 1/2^10 of the limit, at most */
#define ROOM_PART 8       /* 1/2^8 of the limit is kept free where that is not more than */
#define ROOM_MOST ((uint64_t)16 << 10)
#define PACE 32           /* keys that go with a call to have that much free again */
#define SPARSE 8          /* fewer keys with a deadline than one in so many: the wheel is walked */
#define TICKS 10          /* a turnover of the keys is 2^10 ticks */
#define DRAIN_ITEMS 16    /* pieces of a large value freed at a time */
#define WALK_LARGES 256   /* keys with a deadline whose blobs and large values are summed up, at most */
#define SAMPLE_NEAR 128   /* entries of the nearest deadlines that are looked at */
#define AHEAD ((uint64_t)72 << 10) /* room made before a transaction: what a light one asks for, and a little */
#define AHEAD_WITHIN 8    /* ... of a limit at least so many times as large */
#define MARKS 64
#define MARK_EVERY 1000   /* ms */

#define LFU_FIRST 5u      /* counter of a new key */
#define LFU_FACTOR 10u    /* Redis's lfu-log-factor */
#define LFU_MINUTES 0xffffu

/* An entry that may go. Its key need not be read: the slot tells enough of the hash to take it out of the table. */
typedef struct candidate {
  uint64_t *slot; /* NULL: not known */
  uint64_t word;  /* what the slot held; without one the entry's place */
} candidate;

/* A candidate that goes next, unless it is used before. */
typedef struct victim {
  uint64_t *slot;
  uint64_t word;
  uint32_t flags; /* the entry's, access bits included */
} victim;

/* A key that came, of which only its entry's place is known. */
typedef struct arrival {
  uint64_t hash;
  ref block;
} arrival;

/* When a tick began. */
typedef struct tick_mark {
  uint32_t tick;
  int64_t ms;
} tick_mark;

typedef struct evictor {
  uint32_t policy;
  bool refused;         /* the call at hand got less than it asked for */
  uint32_t minute;      /* LFU's present */
  uint32_t marked;
  uint64_t random;
  uint64_t since;       /* writes and evictions since the last tick */
  uint64_t ticks;       /* ever */
  uint64_t next[PLACES], then[PLACES]; /* places, by a hash, that are looked at next, and after those */
  uint64_t ranks[POOL];  /* of those in the pool, and which it is: the least goes first */
  candidate pool[POOL];
  uint32_t pooled, wanted;
  uint64_t cut;          /* what ranked below it went */
  uint64_t place;        /* the last of them */
  victim ready[BATCH];   /* the last one first */
  uint32_t readies;
  tick_mark marks[MARKS];    /* oldest first */
  reuse *reuse;              /* of allkeys-adaptive, else NULL */
  arrival newest[BATCH + 1]; /* there, the keys that came last */
  uint32_t arrived;
  uint32_t met, pasts[PLACES * TOGETHER * TABLE_WAYS]; /* there, of the entries met by chance */
} evictor;

static inline uint64_t evict_random(evictor *v) {
  uint64_t z = (v->random += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  return z ^ (z >> 31);
}

static inline uint32_t evict_order(const evictor *v) { return v->policy & EVICT_ORDER; }

uint32_t evict_policy(const kevy_store *s) { return s->evictor != NULL ? s->evictor->policy : EVICT_NOEVICTION; }

void evict_free(struct evictor *v) {
  if (v != NULL) free(v->reuse);
  free(v);
}

/* ---- what could go ---- */

static uint64_t bytes_lent(const kevy_store *s) {
  return s->lent != 0 && !(s->lent & LENT_NODE) ? blob_at(s->base, s->lent)->capacity : 0;
}

/* The large value that the call is about, which its own growth must not evict. */
static uint64_t bytes_growing(const kevy_store *s) {
  const store_recent *r = &s->recent;
  if (!s->grows || r->gone != s->sp->larges_gone) return 0;
  return mem_round(entry_size(r->e)) + collection_bytes(s->base, r->e);
}

/* What goes with an entry beside its block. */
static uint64_t bytes_apart(const kevy_store *s, const entry *e) {
  if ((entry_flags(e) & ENTRY_CONTENT) != ENTRY_BLOB) return collection_bytes(s->base, e);
  const blob *b = blob_at(s->base, load64(entry_content(e)));
  return b->owners == 1 ? b->capacity : 0;
}

/* Blobs, which keys may share, and large values, which grow where they stand, are not in ttl_bytes. */
static uint64_t bytes_large_with_ttl(const kevy_store *s, uint64_t enough) {
  const wheel *w = mem_ptr(s->base, s->sp->wheel);
  wheel_walk at = {0, 0};
  uint64_t sum = 0;
  ref block;
  for (uint32_t n = 0; n < WALK_LARGES && sum < enough && (block = wheel_next(s->base, w, &at)) != 0; n++) {
    const entry *e = mem_ptr(s->base, block);
    if (entry_type(e) != ENTRY_TIMER) sum += bytes_apart(s, e);
  }
  return sum;
}

/* Bytes that eviction could give back now, `enough` of them or all: none of those that the call itself has taken. */
static uint64_t bytes_to_go(const kevy_store *s, uint64_t enough) {
  const space *sp = s->sp;
  if (sp->newest != 0 || s->frozen != NULL) return 0;
  uint64_t held = sp->pinned_bytes + bytes_lent(s), all;
  if (!(s->evictor->policy & EVICT_VOLATILE)) {
    all = sp->mem.root->used < s->used_before ? sp->mem.root->used : s->used_before;
    held += database_table_bytes(sp) + store_wheel_bytes(sp) + sp->ghost_bytes + bytes_growing(s);
  } else {
    all = database_ttl_bytes(sp) + sp->retained + sp->buried + database_flushed_bytes(sp);
    if (all < enough + held && database_with_ttl(&sp->db) != 0) all += bytes_large_with_ttl(s, enough + held - all);
  }
  return all > held ? all - held : 0;
}

bool evict_could(const kevy_store *s) {
  uint64_t limit = s->maxmemory != 0 ? s->maxmemory : UINT64_MAX, used = s->sp->mem.root->used;
  return used <= limit || (s->evictor != NULL && bytes_to_go(s, used - limit) >= used - limit);
}

/* The allocator's question: may so many bytes more be taken? While a log is done again its own deletes make room. */
static bool evict_grant(void *context, size_t takes) {
  kevy_store *s = context;
  uint64_t limit = s->maxmemory, used = s->sp->mem.root->used;
  if (takes > limit) return false;
  if (used + takes > limit && !s->clock.still) {
    uint64_t beyond = used + takes - limit;
    s->evictor->refused = bytes_to_go(s, beyond) < beyond;
    if (s->evictor->refused) return false;
  }
  s->beyond = true;
  return true;
}

/* The allocator asks before the limit is reached: what is kept free is for what comes in pieces. */
void evict_attach(kevy_store *s) {
  mem *m = &s->sp->mem;
  uint64_t room = s->maxmemory >> ROOM_PART;
  m->limit = s->maxmemory != 0 ? s->maxmemory : UINT64_MAX;
  m->grant = s->evictor != NULL ? evict_grant : NULL;
  m->grantor = s;
  if (m->grant != NULL && s->maxmemory != 0) m->limit -= room < ROOM_MOST ? room : ROOM_MOST;
}

/* ---- access bits ---- */

static uint32_t lfu_word(const evictor *v, uint32_t counter) { return v->minute << 8 | counter; }

/* The counter as it is after the minutes that passed. */
static uint32_t lfu_decayed(const evictor *v, uint32_t access) {
  uint32_t counter = access & 0xff, minutes = (v->minute - (access >> 8)) & LFU_MINUTES;
  return counter > minutes ? counter - minutes : 0;
}

static uint32_t lfu_after(evictor *v, uint32_t access) {
  uint32_t counter = lfu_decayed(v, access);
  uint32_t base = counter > LFU_FIRST ? counter - LFU_FIRST : 0;
  if (counter < 255 && (evict_random(v) >> 32) * (base * LFU_FACTOR + 1) >> 32 == 0) counter++;
  return lfu_word(v, counter);
}

static void set_access(entry *e, uint32_t access) {
  __atomic_store_n(&e->access_flags, (entry_flags(e) & ~ENTRY_ACCESS) | access, __ATOMIC_RELAXED);
}

static uint32_t access_after(evictor *v, uint32_t access) {
  return evict_order(v) == EVICT_ADAPTIVE ? reuse_again(v->reuse, access) : lfu_after(v, access);
}

/* Most uses leave a frequency as it is: then nothing is written. */
void evict_counted(const kevy_store *s, entry *e) {
  if (s->evictor == NULL) return;
  uint32_t before = entry_flags(e) & ENTRY_ACCESS, after = access_after(s->evictor, before);
  if (after != before) set_access(e, after);
}

void evict_inherit(const kevy_store *s, entry *e, const entry *before) {
  set_access(e, access_after(s->evictor, entry_flags(before) & ENTRY_ACCESS));
}

void evict_arrived(kevy_store *s, uint64_t hash, entry *e) {
  evictor *v = s->evictor;
  uint32_t past;
  if (evict_order(v) != EVICT_ADAPTIVE) return;
  set_access(e, ghosts_take(s->sp, hash, &past) ? reuse_again(v->reuse, past) : reuse_first(v->reuse));
  v->newest[v->arrived++ % (BATCH + 1)] = (arrival){hash, (ref)((const char *)e - s->base)};
}

static void mark_thin(evictor *v) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < MARKS; i++)
    if (i >= MARKS / 2 || i % 2 == 0) v->marks[kept++] = v->marks[i];
  v->marked = kept;
}

static void mark_add(kevy_store *s, evictor *v, int64_t now) {
  if (v->marked == MARKS) mark_thin(v);
  v->marks[v->marked++] = (tick_mark){s->access, now};
}

static bool mark_due(const evictor *v, int64_t now) {
  return v->marked == 0 || now - v->marks[v->marked - 1].ms >= MARK_EVERY || now < v->marks[v->marked - 1].ms;
}

/* What new entries get, and what a read stores. */
static void set_present(kevy_store *s, const evictor *v, uint32_t tick) {
  if (evict_order(v) == EVICT_LRU) {
    s->access = s->born = tick & ENTRY_ACCESS;
  } else if (evict_order(v) == EVICT_LFU) {
    s->access = ACCESS_COUNTED;
    s->born = lfu_word(v, LFU_FIRST);
  } else if (evict_order(v) == EVICT_ADAPTIVE) {
    s->access = ACCESS_COUNTED;
    s->born = 0;
  } else {
    s->access = s->born = 0;
  }
}

static inline bool tick_due(const kevy_store *s, const evictor *v) { return v->since > s->keys->count >> TICKS; }

/* How many keys there will be when the limit is reached, if they go on as they are. */
static double keys_expected(const kevy_store *s) {
  const mem *m = &s->sp->mem;
  double keys = (double)s->keys->count;
  return m->limit == UINT64_MAX || m->root->used == 0 ? keys : keys * ((double)m->limit / (double)m->root->used);
}

void evict_tick(kevy_store *s, uint32_t writes) {
  evictor *v = s->evictor;
  int64_t now = store_now(s);
  bool due = mark_due(v, now);
  v->since += writes;
  if (!due && !tick_due(s, v)) return;
  v->since = 0;
  v->ticks++;
  v->minute = (uint32_t)(now / 60000) & LFU_MINUTES;
  set_present(s, v, s->access + 1);
  if (evict_order(v) == EVICT_ADAPTIVE) reuse_expect(v->reuse, keys_expected(s));
  if (due) mark_add(s, v, now);
}

int32_t evict_pace(const kevy_store *s, int32_t most) {
  uint64_t few = s->keys->count / 64 + 2;
  return few < (uint64_t)most ? (int32_t)few : most;
}

/* ---- candidates ---- */

#define RANK_MOST (UINT64_MAX >> 8) /* beside it: which of the pool it is */
static_assert(POOL <= 256, "a byte names a candidate");

/* 24 bits. Where many are alike it is chance who goes, not who lies together: segments are to stay equally full. */
static FLAT uint64_t rank_chance(const evictor *v, ref block) {
  return ((block + v->random) * UINT64_C(0x9E3779B97F4A7C15)) >> 40;
}

static uint64_t rank_of_deadline(int64_t deadline) {
  if (deadline < 0) return 0;
  return (uint64_t)deadline < RANK_MOST ? (uint64_t)deadline : RANK_MOST;
}

/* Where an entry stands among those that could go. */
static FLAT uint64_t rank_of(const kevy_store *s, const evictor *v, const entry *e, ref block, uint32_t order) {
  uint32_t access = entry_flags(e) & ENTRY_ACCESS;
  switch (order) {
    case EVICT_LRU: return ENTRY_ACCESS - ((s->access - access) & ENTRY_ACCESS);
    case EVICT_ADAPTIVE: return (uint64_t)reuse_worth(v->reuse, access) << 24 | rank_chance(v, block);
    case EVICT_LFU: {
      uint32_t recent = LFU_MINUTES - ((v->minute - (access >> 8)) & LFU_MINUTES);
      return (uint64_t)(lfu_decayed(v, access) << 16 | recent) << 24 | rank_chance(v, block);
    }
    case EVICT_TTL: return rank_of_deadline(entry_deadline(e));
    default: return rank_chance(v, block);
  }
}

/* Whether the entry may go, and something is free then. The one that was put last stays while there are others. */
static FLAT bool may_go(const kevy_store *s, const evictor *v, const entry *e, ref block) {
  uint32_t flags = entry_flags(e);
  if ((v->policy & EVICT_VOLATILE) && !(flags & ENTRY_TTL)) return false;
  if (UNLIKELY(block == s->last_put) || UNLIKELY((flags & ENTRY_TYPE) >> ENTRY_TYPE_SHIFT == ENTRY_TIMER)) return false;
  return LIKELY((flags & ENTRY_CONTENT) != ENTRY_BLOB) || blob_at(s->base, load64(entry_content(e)))->owners == 1;
}

/* Brings those of [low, high) that rank below the pivot to the front: up to where? Which ones do is chance: no branch asks. */
static uint32_t pool_divide(uint64_t *ranks, uint32_t low, uint32_t high, uint64_t pivot) {
  for (uint32_t at = low; at < high; at++) {
    uint64_t rank = ranks[at];
    ranks[at] = ranks[low];
    ranks[low] = rank;
    low += rank < pivot;
  }
  return low;
}

/* Keeps as many as are wanted, the best, in any order. What was the limit last time mostly is nearly the limit again. */
static void pool_choose(evictor *v) {
  uint32_t low = 0, high = v->pooled, wanted = v->wanted;
  if (high <= wanted) return;
  uint64_t pivot = v->cut;
  for (uint32_t mid; (mid = pool_divide(v->ranks, low, high, pivot)) != wanted;) {
    bool none = mid == low;
    if (mid < wanted) low = mid;
    else high = mid;
    uint64_t next = v->ranks[low + (high - low) / 2];
    pivot = next + (none && next == pivot); /* the least was the pivot; no two are alike */
  }
  v->cut = pivot;
  v->pooled = wanted;
}

static candidate *pool_at(evictor *v, uint32_t nth) { return &v->pool[v->ranks[nth] & 0xff]; }

/* Makes room in a full pool: the best stay. */
static COLD void pool_shrink(evictor *v) {
  candidate best[BATCH];
  pool_choose(v);
  for (uint32_t i = 0; i < v->pooled; i++) best[i] = *pool_at(v, i);
  for (uint32_t i = 0; i < v->pooled; i++) {
    v->ranks[i] = (v->ranks[i] & ~UINT64_C(0xff)) | i;
    v->pool[i] = best[i];
  }
}

static FLAT void pool_offer_as(kevy_store *s, evictor *v, uint64_t *slot, uint64_t word, uint32_t order) {
  ref block = slot_ref(word);
  const entry *e = mem_ptr(s->base, block);
  if (!may_go(s, v, e, block)) return;
  if (UNLIKELY(v->pooled == POOL)) pool_shrink(v);
  v->ranks[v->pooled] = rank_of(s, v, e, block, order) << 8 | v->pooled;
  v->pool[v->pooled++] = (candidate){slot, word};
}

static void pool_offer(kevy_store *s, evictor *v, ref block) { pool_offer_as(s, v, NULL, block, evict_order(v)); }

static FLAT void pool_offer_all(kevy_store *s, evictor *v, uint64_t **slots, uint32_t n, uint32_t order) {
  for (uint32_t i = 0; i < n; i++) pool_offer_as(s, v, slots[i], *slots[i], order);
}

/* ---- candidates met by chance ---- */

static void note_met(const kevy_store *s, evictor *v, uint64_t **slots, uint32_t n) {
  for (uint32_t i = 0; i < n && v->met < sizeof v->pasts / sizeof *v->pasts; i++)
    v->pasts[v->met++] = entry_flags(mem_ptr(s->base, slot_ref(*slots[i]))) & ENTRY_ACCESS;
}

/* The places. They come in an order that leads through the whole table evenly, segments and the buckets in them, so that none is left
 * alone for much longer than another (the multiples of the golden ratio, as positions in the table), and lie far apart, so that what
 * goes of a segment is in proportion to what it has. A position's bits behind those that name a segment, and some more since segments
 * are not all of one depth, say the bucket. */
static uint64_t place_next(const kevy_store *s, evictor *v) {
  uint64_t segments = s->keys->segments;
  uint32_t depth = 63 - (uint32_t)__builtin_clzll(segments + segments / 3);
  v->place += PLACE_STEP;
  return (v->place & ~(uint64_t)UINT32_MAX) | v->place << (depth + PLACE_DEPTHS) >> 32;
}

static void sample_places(kevy_store *s, evictor *v, uint32_t places) {
  uint64_t *slots[TOGETHER * TABLE_WAYS];
  uint32_t order = evict_order(v);
  for (uint32_t at = 0; at < places; at++) {
    uint32_t n = table_look(s->base, s->keys, v->next[at], TOGETHER, slots);
    if (order == EVICT_LRU) pool_offer_all(s, v, slots, n, EVICT_LRU);
    else pool_offer_all(s, v, slots, n, order);
    if (order == EVICT_ADAPTIVE) note_met(s, v, slots, n);
  }
}

/* Starts loading the entries that are looked at next, and the buckets after those. */
static void sample_ahead(const kevy_store *s, evictor *v, uint32_t places) {
  for (uint32_t at = 0; at < places; at++) {
    v->next[at] = v->then[at];
    v->then[at] = place_next(s, v);
    table_prefetch_entries(s->base, s->keys, v->next[at], TOGETHER);
    table_prefetch_buckets(s->base, s->keys, v->then[at], TOGETHER);
  }
}

/* Where few of the entries may go, or a table has few, more are looked at. */
static void sample_table(kevy_store *s, evictor *v) {
  uint32_t places = PLACES_FOR(v->wanted), rounds = 0;
  do {
    sample_places(s, v, places);
    sample_ahead(s, v, places);
  } while (++rounds < SAMPLE_ROUNDS && v->pooled < CHOICE * v->wanted);
}

/* Any will do, so no more are looked at than go: all that a bucket of chance holds, for no key is more likely then than another. The
 * segments take turns: they stay equally full, so that few split. */
static void sample_any(kevy_store *s, evictor *v) {
  uint64_t *slots[TABLE_WAYS];
  for (uint32_t tries = 0; tries < SAMPLE_ROUNDS * BATCH && v->pooled < v->wanted; tries++) {
    uint32_t at = tries % PLACES, n = table_look(s->base, s->keys, v->next[at], 1, slots);
    pool_offer_all(s, v, slots, n, EVICT_RANDOM);
    v->next[at] = v->then[at];
    v->then[at] = (place_next(s, v) & ~(uint64_t)UINT32_MAX) | (uint32_t)evict_random(v);
    table_prefetch_entries(s->base, s->keys, v->next[at], 1);
    table_prefetch_buckets(s->base, s->keys, v->then[at], 1);
  }
}

static void sample_wheel(kevy_store *s, evictor *v) {
  wheel *w = mem_ptr(s->base, s->sp->wheel);
  ref block;
  for (uint32_t n = SAMPLE_HAND * v->wanted; n > 0 && (block = wheel_turn_hand(s->base, w)) != 0; n--) pool_offer(s, v, block);
}

/* The nearest list's entries have the nearest deadlines, in no order. */
static void sample_near(kevy_store *s, evictor *v) {
  wheel *w = mem_ptr(s->base, s->sp->wheel);
  ref first = 0, block;
  for (uint32_t n = SAMPLE_NEAR; n > 0; n--) {
    if ((block = wheel_turn_near(s->base, w)) == first) return;
    if (first == 0) first = block;
    pool_offer(s, v, block);
  }
}

static bool few_have_deadlines(const kevy_store *s, const evictor *v) {
  return (v->policy & EVICT_VOLATILE) && s->db->with_ttl * SPARSE < s->keys->count;
}

static void sample(kevy_store *s, evictor *v) {
  if (evict_order(v) == EVICT_TTL) {
    if (s->sp->wheel != 0) sample_near(s, v);
    return;
  }
  bool few = few_have_deadlines(s, v);
  if (!few && evict_order(v) == EVICT_RANDOM) sample_any(s, v);
  else if (!few) sample_table(s, v);
  else if (s->sp->wheel != 0) sample_wheel(s, v);
}

static void walk_offer(void *context, ref block) {
  kevy_store *s = context;
  pool_offer(s, s->evictor, block);
}

static uint64_t hash_of(const kevy_store *s, const entry *e) { return hash_bytes(s->sp->secret, entry_key(e), entry_klen(e)); }

/* All deadlines there are, until that of a key of this database is met that may go. */
static void sample_deadlines(kevy_store *s, evictor *v) {
  const wheel *w = mem_ptr(s->base, s->sp->wheel);
  wheel_walk at = {0, 0};
  for (ref block; v->pooled == 0 && (block = wheel_next(s->base, w, &at)) != 0;)
    if (table_find_ref(s->base, s->keys, hash_of(s, mem_ptr(s->base, block)), block) != NULL) pool_offer(s, v, block);
}

/* All of the table from anywhere on, until something may go. */
static void sample_keys(kevy_store *s, evictor *v) {
  uint64_t begin = evict_random(v) >> 40, at = begin;
  do {
    table_scan(s->base, s->keys, &at, TABLE_SLOTS, walk_offer, s);
  } while (v->pooled == 0 && at != 0);
  for (at = 0; v->pooled == 0 && begin != 0;) {
    table_scan(s->base, s->keys, &at, TABLE_SLOTS, walk_offer, s);
    if (at == 0 || at >= begin) break;
  }
}

/* The keys that came last are candidates of allkeys-adaptive: what is wanted once only goes at once. */
static void sample_newest(kevy_store *s, evictor *v) {
  for (uint32_t i = 0; i < BATCH + 1; i++) {
    arrival a = v->newest[i];
    uint64_t *slot = a.block != 0 ? table_find_ref(s->base, s->keys, a.hash, a.block) : NULL;
    if (slot != NULL && table_holds(s->base, s->keys, a.hash, slot, *slot)) pool_offer_as(s, v, slot, *slot, EVICT_ADAPTIVE);
  }
}

/* Fills the pool with the best of those that are met. */
static void pool_fill(kevy_store *s, evictor *v, uint32_t wanted) {
  v->wanted = wanted;
  v->pooled = 0;
  if (evict_order(v) == EVICT_ADAPTIVE) sample_newest(s, v);
  sample(s, v);
  if (evict_order(v) != EVICT_RANDOM && v->wanted > v->pooled / CHOICE + 1) v->wanted = v->pooled / CHOICE + 1;
  pool_choose(v);
}

/* What evictions teach: the time since the last ones was spent by keys such as were met, and by ghosts. */
static void learn(kevy_store *s, evictor *v) {
  uint64_t keys = s->keys->count;
  double ticks = reuse_share(v->reuse, keys);
  for (uint32_t i = 0; i < v->met; i++) reuse_passed(v->reuse, v->pasts[i], ticks * (double)keys / v->met);
  v->met = 0;
  ghosts_pass(s->sp, v->reuse, ticks, v->pooled);
  reuse_work(v->reuse);
}

/* The key becomes a ghost. Their memory grows by a page at most, with the first eviction of a call, and only while there is plenty. */
static void remember(kevy_store *s, evictor *v, uint64_t hash, const entry *e, bool first) {
  bool plenty = first && bytes_to_go(s, 0) > s->sp->mem.limit / 2;
  ghosts_add(s->sp, v->reuse, hash, entry_flags(e) & ENTRY_ACCESS, plenty);
}

static uint64_t *slot_of(const kevy_store *s, const candidate *c) {
  if (c->slot != NULL) return c->slot;
  return table_find_ref(s->base, s->keys, hash_of(s, mem_ptr(s->base, c->word)), c->word);
}

/* Those in the pool go next, but for keys of other databases, which the wheel may have given. Starts loading what that touches.
 * False: none does. */
static bool choose_pooled(kevy_store *s, evictor *v) {
  v->readies = 0;
  for (uint32_t i = 0; i < v->pooled; i++) {
    const candidate *c = pool_at(v, i);
    uint64_t *slot = slot_of(s, c);
    if (UNLIKELY(slot == NULL)) continue;
    v->ready[v->readies++] = (victim){slot, *slot, entry_flags(mem_ptr(s->base, slot_ref(*slot)))};
    table_prefetch_head(slot);
    mem_prefetch_free(&s->sp->mem, slot_ref(*slot));
  }
  return v->readies != 0;
}

/* Where chance chose nothing: the first that may go of all there are. */
static COLD bool choose_any(kevy_store *s, evictor *v) {
  v->pooled = 0;
  if (!few_have_deadlines(s, v)) sample_keys(s, v);
  else if (s->sp->wheel != 0) sample_deadlines(s, v);
  pool_choose(v);
  return choose_pooled(s, v);
}

/* Chooses up to so many keys that go; where some must go, of all there are. False: none may. */
static bool choose(kevy_store *s, evictor *v, uint32_t wanted, bool must) {
  pool_fill(s, v, wanted);
  if (v->pooled != 0 && evict_order(v) == EVICT_ADAPTIVE) learn(s, v);
  return choose_pooled(s, v) || (must && choose_any(s, v));
}

/* Whether one that was chosen is where it was and as it was: it may have been used, replaced, or met twice. */
static bool still_chosen(const kevy_store *s, const evictor *v, const victim *c) {
  if (!table_holds(s->base, s->keys, c->word, c->slot, c->word)) return false;
  const entry *e = mem_ptr(s->base, slot_ref(c->word));
  return entry_flags(e) == c->flags && may_go(s, v, e, slot_ref(c->word));
}

static void evict_slot(kevy_store *s, evictor *v, uint64_t *slot, bool first) {
  if (evict_order(v) == EVICT_ADAPTIVE) {
    const entry *e = mem_ptr(s->base, slot_ref(*slot));
    remember(s, v, hash_of(s, e), e, first);
  }
  probe_evict(s, slot);
}

/* Evicts those chosen until no more than the goal is used, or something has to be taken apart first. */
static uint32_t evict_ready(kevy_store *s, evictor *v, uint64_t goal, bool first) {
  const mem_root *root = s->sp->mem.root;
  uint32_t evicted = 0;
  while (v->readies != 0 && root->used > goal && (evicted == 0 || s->sp->graves == 0)) {
    const victim *c = &v->ready[--v->readies];
    if (!still_chosen(s, v, c)) continue;
    evict_slot(s, v, c->slot, first && evicted == 0);
    evicted++;
  }
  return evicted;
}

/* The same with those that are chosen now, of which the first surely is there, though perhaps in the rear of a chain. */
static uint32_t evict_chosen(kevy_store *s, evictor *v, uint64_t goal, bool first) {
  victim any = v->ready[0];
  uint32_t evicted = evict_ready(s, v, goal, first);
  if (evicted != 0) return evicted;
  evict_slot(s, v, any.slot, first);
  return 1;
}

/* What a key takes, beside its share of the table. */
static uint64_t bytes_each(const kevy_store *s) { return (s->sp->mem.root->used - s->keys->bytes) / (s->keys->count + 1) + 1; }

/* Evicts some keys, at least one and at most BATCH, and chooses the next ones, so that what their going touches is loaded by then.
 * How many: 0 where none may go. */
static uint32_t evict_here(kevy_store *s, evictor *v, uint64_t goal, bool first, bool must) {
  uint64_t wanted = (s->sp->mem.root->used - goal) / bytes_each(s) + 1;
  if (wanted > BATCH) wanted = BATCH;
  uint32_t evicted = evict_ready(s, v, goal, first);
  if (evicted == 0) {
    if (!choose(s, v, (uint32_t)wanted, must)) return 0;
    evicted = evict_chosen(s, v, goal, first);
  }
  if (v->readies == 0 && evict_order(v) != EVICT_ADAPTIVE) (void)choose(s, v, (uint32_t)wanted, false);
  return evicted;
}

/* Keys that the policy is about. */
static uint64_t keys_of(const evictor *v, const database *d) { return v->policy & EVICT_VOLATILE ? d->with_ttl : d->keys.count; }

/* The number of a database, each as probable as it has such keys. */
static uint32_t database_by_chance(const kevy_store *s, evictor *v) {
  const databases *all = &s->sp->db;
  uint64_t keys = v->policy & EVICT_VOLATILE ? database_with_ttl(all) : database_keys(all), at = keys != 0 ? evict_random(v) % keys : 0;
  uint32_t i = 0;
  for (const database *d; (d = database_next(all, &i)) != NULL; at -= keys_of(v, d))
    if (at < keys_of(v, d)) return i - 1;
  return 0;
}

/* In one of the databases; where none of its keys may go, in the next. */
static uint32_t evict_anywhere(kevy_store *s, evictor *v, uint64_t goal, bool first, bool must) {
  if (LIKELY(s->sp->db.rest == NULL)) return evict_here(s, v, goal, first, must);
  uint32_t back = s->index, from = database_by_chance(s, v), evicted = 0;
  for (uint32_t i = 0; i < DATABASES && evicted == 0; i++) {
    uint32_t index = (from + i) % DATABASES;
    const database *d = database_at(&s->sp->db, index);
    if (d == NULL || keys_of(v, d) == 0) continue;
    database_select(s, index);
    evicted = evict_here(s, v, goal, first, must);
    database_leave(s, back);
  }
  return evicted;
}

/* The key that was put last goes where it is the only one that may. */
static uint32_t evict_some(kevy_store *s, evictor *v, uint64_t goal, bool first, bool must) {
  uint32_t evicted = evict_anywhere(s, v, goal, first, must);
  if (LIKELY(evicted != 0) || !must || s->last_put == 0) return evicted;
  s->last_put = 0;
  return evict_anywhere(s, v, goal, first, must);
}

/* Frees some of what is dead already. False: none of it was. */
static bool free_dead(kevy_store *s) {
  space *sp = s->sp;
  uint64_t before = sp->mem.root->used;
  uint32_t items = DRAIN_ITEMS;
  if (UNLIKELY(sp->flushed != NULL)) database_drain(s, &items);
  if (sp->draining != NULL || sp->graves != 0) node_drain(sp, DRAIN_ITEMS);
  return sp->mem.root->used < before;
}

/* Down to where eviction goes once the limit is passed: a little below it, so that several keys go at once. */
static uint64_t settle_goal(const kevy_store *s) {
  uint64_t limit = s->sp->mem.limit, slack = limit >> SLACK, most = (BATCH - 1) * bytes_each(s);
  return limit - (slack < most ? slack : most);
}

/* What is beyond the limit goes at once; what is to be free below it, some keys a call, unless it is one that fails. */
void evict_settle(kevy_store *s) {
  s->beyond = false;
  evictor *v = s->evictor;
  if (v == NULL || s->frozen != NULL || s->clock.still || s->sp->light != NULL) return;
  mem_root *root = s->sp->mem.root;
  uint64_t evicted = 0, goal = settle_goal(s), limit = s->maxmemory != 0 ? s->maxmemory : UINT64_MAX;
  uint32_t pace = v->refused ? 0 : PACE;
  v->refused = false;
  while (root->used > limit || (root->used > s->sp->mem.limit && evicted < pace)) {
    if (free_dead(s)) continue;
    uint32_t some = s->sp->newest == 0 ? evict_some(s, v, goal, evicted == 0, root->used > limit) : 0;
    if (some == 0) break;
    evicted += some;
  }
  if (root->peak > limit) root->peak = root->used > limit ? root->used : limit;
  v->since += evicted;
  if (tick_due(s, v)) evict_tick(s, 0);
}

void evict_ahead(kevy_store *s) {
  const mem *m = &s->sp->mem;
  if (m->limit < AHEAD * AHEAD_WITHIN || m->root->used <= m->limit - AHEAD) return;
  s->used_before = m->root->used;
  while (m->root->used > m->limit - AHEAD && s->sp->newest == 0 && bytes_to_go(s, AHEAD) >= AHEAD)
    if (!free_dead(s) && evict_some(s, s->evictor, m->limit - AHEAD, false, true) == 0) return;
}

/* ---- choosing ---- */

static bool reuse_choose(kevy_store *s, evictor *v, bool wanted) {
  if (wanted && v->reuse == NULL) {
    v->reuse = malloc(sizeof *v->reuse);
    if (v->reuse == NULL) return false;
    reuse_begin(v->reuse, evict_random(v));
  } else if (!wanted && v->reuse != NULL) {
    free(v->reuse);
    v->reuse = NULL;
    ghosts_drop(s->sp);
  }
  memset(v->newest, 0, sizeof v->newest);
  v->met = v->readies = 0;
  return true;
}

bool evict_choose(kevy_store *s, uint32_t policy) {
  if (policy != EVICT_NOEVICTION && s->evictor == NULL) {
    s->evictor = calloc(1, sizeof *s->evictor);
    if (s->evictor == NULL) return false;
    memcpy(&s->evictor->random, s->sp->secret + sizeof s->random, sizeof s->evictor->random);
    s->evictor->place = evict_random(s->evictor);
    for (uint32_t at = 0; at < PLACES; at++) {
      s->evictor->next[at] = place_next(s, s->evictor);
      s->evictor->then[at] = place_next(s, s->evictor);
    }
  } else if (policy == EVICT_NOEVICTION) {
    if (s->evictor != NULL) reuse_choose(s, s->evictor, false);
    evict_free(s->evictor);
    s->evictor = NULL;
    s->access = s->born = 0;
  }
  if (s->evictor != NULL && !reuse_choose(s, s->evictor, policy == EVICT_ALLKEYS_ADAPTIVE)) {
    if (s->evictor->policy != EVICT_NOEVICTION) return false;
    free(s->evictor);
    s->evictor = NULL;
    return false;
  }
  if (s->evictor != NULL) {
    s->evictor->policy = policy;
    s->evictor->marked = 0;
    set_present(s, s->evictor, s->access);
    evict_tick(s, 0);
  }
  evict_attach(s);
  return true;
}

kevy_status evict_limit(kevy_store *s, uint64_t maxmemory) {
  uint64_t before = s->maxmemory;
  s->maxmemory = maxmemory;
  s->used_before = s->sp->mem.root->used;
  if (!evict_could(s)) {
    s->maxmemory = before;
    return KEVY_EOOM;
  }
  ghosts_drop(s->sp);
  evict_attach(s);
  evict_settle(s);
  return KEVY_OK;
}

void evict_adopt(kevy_store *s, const kevy_store *from) {
  evictor *v = s->evictor;
  if (v == NULL || evict_policy(from) != v->policy) return;
  s->evicted += from->evicted;
  uint32_t ahead = (from->access - s->access) & ENTRY_ACCESS;
  if (evict_order(v) != EVICT_LRU || ahead > ENTRY_ACCESS / 2) return;
  v->ticks += ahead;
  set_present(s, v, from->access);
}

/* ---- what is told of a key ---- */

static entry *find_untouched(kevy_store *s, const char *key, size_t klen) {
  probe p;
  return probe_find(s, &p, key, klen);
}

/* When the tick of these bits began, as far as it is remembered. */
static int64_t tick_time(const kevy_store *s, const evictor *v, uint32_t access) {
  uint32_t age = (s->access - access) & ENTRY_ACCESS;
  for (uint32_t i = v->marked; i-- > 1;)
    if (((s->access - v->marks[i].tick) & ENTRY_ACCESS) >= age) return v->marks[i].ms;
  return v->marks[0].ms;
}

kevy_status evict_idle(kevy_store *s, const char *key, size_t klen, int64_t *seconds) {
  const entry *e = find_untouched(s, key, klen);
  if (e == NULL) return KEVY_MISSING;
  *seconds = 0;
  if (s->evictor != NULL && evict_order(s->evictor) == EVICT_LFU) return KEVY_EUNSUPPORTED;
  if (s->evictor == NULL || evict_order(s->evictor) != EVICT_LRU) return KEVY_OK;
  int64_t ms = store_now(s) - tick_time(s, s->evictor, entry_flags(e) & ENTRY_ACCESS);
  evict_tick(s, 0);
  *seconds = ms > 0 ? ms / 1000 : 0;
  return KEVY_OK;
}

kevy_status evict_frequency(kevy_store *s, const char *key, size_t klen, int64_t *counter) {
  const entry *e = find_untouched(s, key, klen);
  if (e == NULL) return KEVY_MISSING;
  if (s->evictor == NULL || evict_order(s->evictor) != EVICT_LFU) return KEVY_EUNSUPPORTED;
  evict_tick(s, 0);
  *counter = lfu_decayed(s->evictor, entry_flags(e) & ENTRY_ACCESS);
  return KEVY_OK;
}

/* The latest tick that began no later than so long ago; of times before the first mark, a tick before it. */
static uint32_t tick_before(const kevy_store *s, const evictor *v, int64_t idle) {
  int64_t ms = idle < INT64_MAX / 1000 ? store_now(s) - idle * 1000 : INT64_MIN;
  for (uint32_t i = v->marked; i-- > 0;)
    if (v->marks[i].ms <= ms) return v->marks[i].tick;
  return v->marks[0].tick - 1;
}

void evict_recall_entry(kevy_store *s, entry *e, int64_t idle, int64_t frequency) {
  const evictor *v = s->evictor;
  if (v == NULL) return;
  if (evict_order(v) == EVICT_LRU && idle > 0) set_access(e, tick_before(s, v, idle) & ENTRY_ACCESS);
  if (evict_order(v) == EVICT_LFU && frequency >= 0) set_access(e, lfu_word(v, (uint32_t)frequency & 0xff));
}

void evict_recall(kevy_store *s, const char *key, size_t klen, int64_t idle, int64_t frequency) {
  entry *e = s->evictor != NULL ? find_untouched(s, key, klen) : NULL;
  if (e != NULL) evict_recall_entry(s, e, idle, frequency);
}
