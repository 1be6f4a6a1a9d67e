/* wheel: see wheel.h. */
#include "wheel.h"

#define WHEEL_END (INT64_C(1) << 48) /* deadlines beyond wait on the last list; they are never due */

/* ---- links ---- */

#define LINK_NEXT 16
#define LINK_PREV 21

static inline ref wheel_link(const char *base, ref block, unsigned which) {
  uint64_t five = 0;
  memcpy(&five, base + block + which, 5);
  return five << 3;
}
static inline void wheel_set_link(const char *base, ref block, unsigned which, ref to) {
  uint64_t five = to >> 3;
  memcpy((char *)mem_ptr(base, block) + which, &five, 5);
}

/* ---- lists ---- */

typedef struct wheel_place {
  unsigned level, list;
} wheel_place;

static inline unsigned wheel_index(int64_t time, unsigned level) {
  return (unsigned)((uint64_t)time >> (6 * level)) & (WHEEL_LISTS - 1);
}

/* Where a deadline belongs as seen from `elapsed`; what is past goes to the present's list. */
static wheel_place wheel_spot(const wheel *w, int64_t deadline) {
  wheel_place at = {0, wheel_index(w->elapsed, 0)};
  if (deadline <= w->elapsed) return at;
  if (deadline >= WHEEL_END) deadline = WHEEL_END - 1;
  uint64_t differ = (uint64_t)(deadline ^ w->elapsed);
  at.level = (63u - (unsigned)__builtin_clzll(differ | 1)) / 6;
  at.list = wheel_index(deadline, at.level);
  return at;
}

static void wheel_push(const char *base, wheel *w, wheel_place at, ref block) {
  ref first = w->heads[at.level][at.list];
  wheel_set_link(base, block, LINK_NEXT, first);
  wheel_set_link(base, block, LINK_PREV, 0);
  if (first != 0) wheel_set_link(base, first, LINK_PREV, block);
  w->heads[at.level][at.list] = block;
  w->occupied[at.level] |= UINT64_C(1) << at.list;
}

static void wheel_pop(const char *base, wheel *w, wheel_place at) {
  ref next = wheel_link(base, w->heads[at.level][at.list], LINK_NEXT);
  if (UNLIKELY(w->hand == w->heads[at.level][at.list])) w->hand = next;
  w->heads[at.level][at.list] = next;
  if (next != 0) wheel_set_link(base, next, LINK_PREV, 0);
  else w->occupied[at.level] &= ~(UINT64_C(1) << at.list);
}

/* The list this first block heads: the one its deadline names, unless that list's turn came and it has not
 * been moved down yet. */
static wheel_place wheel_spot_headed(const wheel *w, ref block, int64_t deadline) {
  wheel_place at = wheel_spot(w, deadline);
  while (w->heads[at.level][at.list] != block) {
    at.level++;
    at.list = wheel_index(w->elapsed, at.level);
  }
  return at;
}

/* ---- the index ---- */

void wheel_start(wheel *w, int64_t now) {
  memset(w, 0, sizeof *w);
  w->elapsed = now > 0 ? now : 0;
}

void wheel_add(const char *base, wheel *w, ref block) {
  wheel_push(base, w, wheel_spot(w, entry_deadline(mem_ptr(base, block))), block);
}

void wheel_remove(const char *base, wheel *w, ref block) {
  ref prev = wheel_link(base, block, LINK_PREV);
  if (prev == 0) {
    wheel_pop(base, w, wheel_spot_headed(w, block, entry_deadline(mem_ptr(base, block))));
    return;
  }
  ref next = wheel_link(base, block, LINK_NEXT);
  if (UNLIKELY(w->hand == block)) w->hand = next;
  wheel_set_link(base, prev, LINK_NEXT, next);
  if (next != 0) wheel_set_link(base, next, LINK_PREV, prev);
}

void wheel_move(const char *base, wheel *w, ref block, int64_t deadline) {
  entry *e = mem_ptr(base, block);
  wheel_place from = wheel_spot(w, entry_deadline(e)), to = wheel_spot(w, deadline);
  if (from.level == to.level && from.list == to.list) {
    store64(e + 1, (uint64_t)deadline);
    return;
  }
  wheel_remove(base, w, block);
  store64(e + 1, (uint64_t)deadline);
  wheel_add(base, w, block);
}

void wheel_mark_off(const char *base, ref block) { wheel_set_link(base, block, LINK_NEXT, block); }
bool wheel_is_off(const char *base, ref block) { return wheel_link(base, block, LINK_NEXT) == block; }

/* ---- turning ---- */

/* A list above level 0 whose time has come: its entries move down before anything else is due. */
static bool wheel_cascade(const wheel *w, wheel_place *at) {
  for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
    unsigned list = wheel_index(w->elapsed, level);
    if (!(w->occupied[level] >> list & 1)) continue;
    at->level = level;
    at->list = list;
    return true;
  }
  return false;
}

/* When the next list's time comes; INT64_MAX when the wheel is empty. Assumes nothing to cascade. */
static int64_t wheel_next_time(const wheel *w) {
  for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
    unsigned now = wheel_index(w->elapsed, level);
    uint64_t ahead = w->occupied[level] >> now << now;
    if (ahead == 0) continue;
    unsigned shift = 6 * level;
    int64_t round = level == WHEEL_LEVELS - 1 ? 0 : (w->elapsed >> (shift + 6)) << (shift + 6);
    return round | (int64_t)((uint64_t)__builtin_ctzll(ahead) << shift);
  }
  return INT64_MAX;
}

/* Whether all of this list's time, whose turn has come, is past. */
static inline bool wheel_is_past(const wheel *w, wheel_place at, int64_t now) {
  return (w->elapsed | ((INT64_C(1) << (6 * at.level)) - 1)) <= now;
}

/* The first entries of a list. The next one's line is on its way before the rest is done with this one. */
static uint32_t wheel_some(const char *base, ref block, uint32_t *items, ref out[WHEEL_SOME]) {
  uint32_t n = 0;
  for (; block != 0 && n < WHEEL_SOME && *items != 0; --*items) {
    out[n++] = block;
    block = wheel_link(base, block, LINK_NEXT);
    __builtin_prefetch(mem_ptr(base, block));
  }
  return n;
}

uint32_t wheel_due(const char *base, wheel *w, int64_t now, uint32_t *items, int64_t *next, ref out[WHEEL_SOME]) {
  for (; *items != 0; --*items) {
    wheel_place at;
    if (wheel_cascade(w, &at)) {
      ref block = w->heads[at.level][at.list];
      if (wheel_is_past(w, at, now)) return wheel_some(base, block, items, out);
      wheel_pop(base, w, at);
      wheel_push(base, w, wheel_spot(w, entry_deadline(mem_ptr(base, block))), block);
      continue;
    }
    *next = wheel_next_time(w);
    if (*next > now) {
      if (now > w->elapsed) w->elapsed = now;
      return 0;
    }
    if (*next > w->elapsed) w->elapsed = *next;
    ref block = w->heads[0][wheel_index(w->elapsed, 0)];
    if (block != 0) return wheel_some(base, block, items, out);
  }
  return 0;
}

/* ---- walking ---- */

/* The first list from this one on that is not empty; all of them where there is none. */
static uint32_t wheel_occupied(const wheel *w, uint32_t list) {
  for (unsigned level = list / WHEEL_LISTS; level < WHEEL_LEVELS; level++, list = level * WHEEL_LISTS) {
    uint64_t ahead = w->occupied[level] >> (list % WHEEL_LISTS);
    if (ahead != 0) return list + (uint32_t)__builtin_ctzll(ahead);
  }
  return WHEEL_LEVELS * WHEEL_LISTS;
}

ref wheel_next(const char *base, const wheel *w, wheel_walk *at) {
  if (at->block == 0) {
    uint32_t list = wheel_occupied(w, at->list);
    if (list == WHEEL_LEVELS * WHEEL_LISTS) return 0;
    at->list = list + 1;
    at->block = w->heads[list / WHEEL_LISTS][list % WHEEL_LISTS];
  }
  ref block = at->block;
  at->block = wheel_link(base, block, LINK_NEXT);
  if (at->block != 0) __builtin_prefetch(mem_ptr(base, at->block));
  return block;
}

ref wheel_turn_hand(const char *base, wheel *w) {
  wheel_walk at = {w->hand_list, w->hand};
  ref block = wheel_next(base, w, &at);
  if (block == 0) {
    at = (wheel_walk){0, 0};
    block = wheel_next(base, w, &at);
  }
  w->hand_list = at.list;
  w->hand = at.block;
  return block;
}

ref wheel_turn_near(const char *base, wheel *w) {
  uint32_t list = wheel_occupied(w, 0);
  if (list == WHEEL_LEVELS * WHEEL_LISTS) return 0;
  if (w->hand_list != list + 1 || w->hand == 0) w->hand = w->heads[list / WHEEL_LISTS][list % WHEEL_LISTS];
  ref block = w->hand;
  w->hand_list = list + 1;
  w->hand = wheel_link(base, block, LINK_NEXT);
  if (w->hand != 0) __builtin_prefetch(mem_ptr(base, w->hand));
  return block;
}

ref wheel_earliest(const wheel *w) {
  wheel_place at;
  if (wheel_cascade(w, &at)) return w->heads[at.level][at.list];
  for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
    unsigned now = wheel_index(w->elapsed, level);
    uint64_t ahead = w->occupied[level] >> now << now;
    if (ahead != 0) return w->heads[level][__builtin_ctzll(ahead)];
  }
  return 0;
}
