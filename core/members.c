/* members: see members.h. */
#include "members.h"

#include <stdlib.h>

uint64_t members_below(kevy_store *s, uint64_t n) {
  uint64_t fair = UINT64_MAX - UINT64_MAX % n, r;
  do r = store_random(s);
  while (r >= fair);
  return r % n;
}

/* A fair choice where chance keeps finding what has expired. */
static COLD ref members_reservoir(kevy_store *s, const table *t, int64_t now) {
  table_walk walk = {0, 0, false};
  ref r, chosen = 0;
  uint64_t met = 0;
  while ((r = table_next(s->base, t, &walk)) != 0)
    if (member_lives(mem_ptr(s->base, r), now) && members_below(s, ++met) == 0) chosen = r;
  return chosen;
}

#define MEMBERS_TRIES 64

ref members_random(kevy_store *s, const table *t, int64_t now) {
  for (int tries = 0; tries < MEMBERS_TRIES; tries++) {
    ref r = table_random(s->base, t, store_random, s);
    if (r == 0 || member_lives(mem_ptr(s->base, r), now)) return r;
  }
  return members_reservoir(s, t, now);
}

static void members_select(kevy_store *s, const table *t, uint64_t live, uint64_t k, int64_t now,
                           table_visit visit, void *context) {
  members_sampler m = {live, k};
  table_walk walk = {0, 0, false};
  ref r;
  while (m.need != 0 && (r = table_next(s->base, t, &walk)) != 0)
    if (member_lives(mem_ptr(s->base, r), now) && members_take(s, &m)) visit(context, r);
}

/* Adds a ref to a hash set of refs with a power of two of cells; false when it is there already. */
static bool members_note(ref *seen, uint64_t cells, ref r) {
  uint64_t at = (r >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 20;
  for (;; at++) {
    ref *cell = &seen[at & (cells - 1)];
    if (*cell == r) return false;
    if (*cell != 0) continue;
    *cell = r;
    return true;
  }
}

bool members_sample(kevy_store *s, const table *t, uint64_t live, uint64_t k, int64_t now, table_visit visit,
                    void *context) {
  if (k > live / 3 || t->count / 2 > live) {
    members_select(s, t, live, k, now, visit, context);
    return true;
  }
  if (k == 0) return true;
  uint64_t cells = UINT64_C(2) << (64 - __builtin_clzll(k));
  ref *seen = calloc(cells, sizeof *seen);
  if (seen == NULL) return false;
  while (k > 0) {
    ref r = members_random(s, t, now);
    if (!members_note(seen, cells, r)) continue;
    visit(context, r);
    k--;
  }
  free(seen);
  return true;
}
