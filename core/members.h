/* members: what hashes, sets and sorted sets share of their fields and members: one as a call names it, and choosing by
 * chance among the entries of a member table or the groups of a packed block.
 *
 * Every choice is uniform. Entries whose deadline is `now` or before count as absent (only fields of hashes
 * have deadlines). Tables are read, never changed; live ones and those of snapshots alike. */
#ifndef KEVY_MEMBERS_H
#define KEVY_MEMBERS_H

#include "hashing.h"
#include "packed.h"
#include "store.h"

/* A field or member that a call names. Borrows from the value. */
typedef struct member_name {
  packed_key key; /* its byte form */
  uint32_t kind;
  char digits[PACKED_NUMBER];
} member_name;

/* KEVY_EARG, KEVY_ETOOBIG. */
static FLAT kevy_status member_name_of(member_name *m, const kevy_value *v) {
  if (UNLIKELY(v->kind > KEVY_INT)) return KEVY_EARG;
  m->key = packed_key_of(v, m->digits);
  m->kind = v->kind;
  return LIKELY(m->key.len <= KEVY_MAX_LEN) ? KEVY_OK : KEVY_ETOOBIG;
}

static FLAT uint64_t member_name_hash(const space *sp, const member_name *m) {
  return hash_bytes(sp->secret, m->key.ptr, m->key.len);
}

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
