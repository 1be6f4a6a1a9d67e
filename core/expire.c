/* expire: see expire.h. */
#include "expire.h"

#include "probe.h"

#define LEVELS 8
#define LISTS 64
#define WHEEL_END (INT64_C(1) << 48) /* deadlines beyond wait on the last list; they are never due */

typedef struct wheel {
  int64_t elapsed;
  uint64_t occupied[LEVELS];
  ref heads[LEVELS][LISTS];
} wheel;

size_t expire_bytes(void) { return mem_round(sizeof(wheel)); }

static inline wheel *wheel_of(const kevy_store *s) { return mem_ptr(s->base, s->sp->wheel); }

/* ---- links ---- */

#define LINK_NEXT 16
#define LINK_PREV 21

static inline ref link_get(const char *base, ref block, unsigned which) {
  uint64_t five = 0;
  memcpy(&five, base + block + which, 5);
  return five << 3;
}
static inline void link_set(const char *base, ref block, unsigned which, ref to) {
  uint64_t five = to >> 3;
  memcpy((char *)mem_ptr(base, block) + which, &five, 5);
}

/* ---- lists ---- */

typedef struct spot {
  unsigned level, list;
} spot;

static inline unsigned list_index(int64_t time, unsigned level) {
  return (unsigned)((uint64_t)time >> (6 * level)) & (LISTS - 1);
}

/* Where a deadline belongs as seen from `elapsed`; what is past goes to the present's list. */
static spot spot_of(const wheel *w, int64_t deadline) {
  spot at = {0, list_index(w->elapsed, 0)};
  if (deadline <= w->elapsed) return at;
  if (deadline >= WHEEL_END) deadline = WHEEL_END - 1;
  uint64_t differ = (uint64_t)(deadline ^ w->elapsed);
  at.level = (63u - (unsigned)__builtin_clzll(differ | 1)) / 6;
  at.list = list_index(deadline, at.level);
  return at;
}

static void list_push(const char *base, wheel *w, spot at, ref block) {
  ref first = w->heads[at.level][at.list];
  link_set(base, block, LINK_NEXT, first);
  link_set(base, block, LINK_PREV, 0);
  if (first != 0) link_set(base, first, LINK_PREV, block);
  w->heads[at.level][at.list] = block;
  w->occupied[at.level] |= UINT64_C(1) << at.list;
}

static void list_pop(const char *base, wheel *w, spot at) {
  ref next = link_get(base, w->heads[at.level][at.list], LINK_NEXT);
  w->heads[at.level][at.list] = next;
  if (next != 0) link_set(base, next, LINK_PREV, 0);
  else w->occupied[at.level] &= ~(UINT64_C(1) << at.list);
}

/* The list this first block heads: the one its deadline names, unless that list's turn came and it has not
 * been moved down yet. */
static spot spot_headed(const wheel *w, ref block, int64_t deadline) {
  spot at = spot_of(w, deadline);
  while (w->heads[at.level][at.list] != block) {
    at.level++;
    at.list = list_index(w->elapsed, at.level);
  }
  return at;
}

/* ---- the index ---- */

bool expire_prepare(kevy_store *s) {
  if (LIKELY(s->sp->wheel != 0)) return true;
  ref r = mem_alloc(&s->sp->mem, sizeof(wheel));
  if (r == 0) return false;
  wheel *w = mem_ptr(s->base, r);
  memset(w, 0, sizeof *w);
  w->elapsed = store_now(s);
  if (w->elapsed < 0) w->elapsed = 0;
  s->sp->wheel = r;
  return true;
}

void expire_add(kevy_store *s, ref block) {
  wheel *w = wheel_of(s);
  int64_t deadline = entry_deadline(mem_ptr(s->base, block));
  list_push(s->base, w, spot_of(w, deadline), block);
  s->sp->with_ttl++;
  if (deadline < s->next_due) s->next_due = deadline;
}

void expire_remove(kevy_store *s, ref block) {
  wheel *w = wheel_of(s);
  ref prev = link_get(s->base, block, LINK_PREV);
  s->sp->with_ttl--;
  if (prev == 0) {
    list_pop(s->base, w, spot_headed(w, block, entry_deadline(mem_ptr(s->base, block))));
    return;
  }
  ref next = link_get(s->base, block, LINK_NEXT);
  link_set(s->base, prev, LINK_NEXT, next);
  if (next != 0) link_set(s->base, next, LINK_PREV, prev);
}

void expire_move(kevy_store *s, ref block, int64_t deadline) {
  entry *e = mem_ptr(s->base, block);
  const wheel *w = wheel_of(s);
  spot from = spot_of(w, entry_deadline(e)), to = spot_of(w, deadline);
  if (from.level == to.level && from.list == to.list) {
    store64(e + 1, (uint64_t)deadline);
    if (deadline < s->next_due) s->next_due = deadline;
    return;
  }
  expire_remove(s, block);
  store64(e + 1, (uint64_t)deadline);
  expire_add(s, block);
}

/* ---- turning ---- */

/* A list above level 0 whose time has come: its entries move down before anything else is due. */
static bool find_cascade(const wheel *w, spot *at) {
  for (unsigned level = LEVELS - 1; level > 0; level--) {
    unsigned list = list_index(w->elapsed, level);
    if (!(w->occupied[level] >> list & 1)) continue;
    at->level = level;
    at->list = list;
    return true;
  }
  return false;
}

/* When the next list's time comes; INT64_MAX when the wheel is empty. Assumes nothing to cascade. */
static int64_t next_time(const wheel *w) {
  for (unsigned level = 0; level < LEVELS; level++) {
    unsigned now = list_index(w->elapsed, level);
    uint64_t ahead = w->occupied[level] >> now << now;
    if (ahead == 0) continue;
    unsigned shift = 6 * level;
    int64_t round = level == LEVELS - 1 ? 0 : (w->elapsed >> (shift + 6)) << (shift + 6);
    return round | (int64_t)((uint64_t)__builtin_ctzll(ahead) << shift);
  }
  return INT64_MAX;
}

bool expire_slice(kevy_store *s, uint32_t items, uint64_t *expired) {
  if (s->sp->wheel == 0 || s->frozen != NULL) return true;
  wheel *w = wheel_of(s);
  int64_t now = store_now(s);
  if (now < s->next_due) return true;
  for (;; items--) {
    if (items == 0) return false;
    spot at;
    if (find_cascade(w, &at)) {
      ref block = w->heads[at.level][at.list];
      list_pop(s->base, w, at);
      list_push(s->base, w, spot_of(w, entry_deadline(mem_ptr(s->base, block))), block);
      continue;
    }
    int64_t next = next_time(w);
    if (next > now) {
      if (now > w->elapsed) w->elapsed = now;
      s->next_due = next;
      return true;
    }
    if (next > w->elapsed) w->elapsed = next;
    ref block = w->heads[0][list_index(w->elapsed, 0)];
    if (block == 0) continue;
    probe_expire(s, block);
    if (expired != NULL) ++*expired;
  }
}

void expire_rewind(kevy_store *s) {
  if (s->sp->wheel == 0) return;
  wheel *w = wheel_of(s);
  int64_t now = store_now(s);
  memset(w, 0, sizeof *w);
  w->elapsed = now > 0 ? now : 0;
  s->sp->with_ttl = 0;
  s->next_due = INT64_MAX;
  table_walk walk = {0, 0, false};
  ref r;
  while ((r = table_next(s->base, s->keys, &walk)) != 0)
    if (entry_has_deadline(mem_ptr(s->base, r))) expire_add(s, r);
}

ref expire_earliest(const kevy_store *s) {
  if (s->sp->wheel == 0) return 0;
  const wheel *w = wheel_of(s);
  spot at;
  if (find_cascade(w, &at)) return w->heads[at.level][at.list];
  for (unsigned level = 0; level < LEVELS; level++) {
    unsigned now = list_index(w->elapsed, level);
    uint64_t ahead = w->occupied[level] >> now << now;
    if (ahead != 0) return w->heads[level][__builtin_ctzll(ahead)];
  }
  return 0;
}
