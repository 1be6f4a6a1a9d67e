/* members: choosing by chance among the entries of a member table (hash, set, sorted set) or the groups of a
 * packed block.
 *
 * Every choice is uniform. Entries whose deadline is `now` or before count as absent (only fields of hashes
 * have deadlines). Tables are read, never changed; live ones and those of snapshots alike. */
#ifndef KEVY_MEMBERS_H
#define KEVY_MEMBERS_H

#include "store.h"

/* A number below n, which is not 0; without the bias of a remainder. */
uint64_t members_below(kevy_store *s, uint64_t n);

/* A member that is there at `now`; 0 when there is none. O(1) expected, unless most have expired. */
ref members_random(kevy_store *s, const table *t, int64_t now);

/* Visits k different members of the `live` ones there are at `now` (k <= live); all choices of k are equally
 * likely. False: no memory, and nothing was visited. O(k), or O(members) where k is more than a third of them. */
bool members_sample(kevy_store *s, const table *t, uint64_t live, uint64_t k, int64_t now, table_visit visit,
                    void *context);

/* Selection sampling: asked once for each of `left` things in turn, takes `need` of them (need <= left). */
typedef struct members_sampler {
  uint64_t left, need;
} members_sampler;
static inline bool members_take(kevy_store *s, members_sampler *m) {
  bool take = m->need != 0 && members_below(s, m->left) < m->need;
  m->left--;
  m->need -= take;
  return take;
}

/* Whether an entry is there at `now`. */
static inline bool member_lives(const entry *e, int64_t now) {
  return LIKELY(!entry_has_deadline(e)) || entry_deadline(e) > now;
}

#endif
