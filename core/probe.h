/* probe: one lookup of a key, kept, so that an operation never looks the same key up twice.
 *
 * An operation finds its key once, decides, and then puts or removes through the probe. An entry that
 * has expired, or holds a hash all of whose fields have, counts as absent (`live` is NULL) but its slot
 * is kept: putting replaces it, so arguments that borrow from it stay readable until the new entry is
 * built.
 *
 * A probe is good until the next put, remove or upkeep. Writers have called store_write. */
#ifndef KEVY_PROBE_H
#define KEVY_PROBE_H

#include "store.h"

typedef struct probe {
  const char *key;
  size_t klen;
  uint64_t hash;
  uint64_t *slot; /* NULL when no entry has this key */
  entry *live;    /* the entry, NULL when absent or expired */
} probe;

/* Finds a key. Returns p->live. */
entry *probe_find(kevy_store *s, probe *p, const char *key, size_t klen);

/* The same for readers: counts a hit or a miss, notes the access, and removes what it finds expired. */
entry *probe_read(kevy_store *s, probe *p, const char *key, size_t klen);

/* The rest of a read that found nothing: counts the miss and removes what has expired. NULL. */
entry *probe_missed(kevy_store *s, const probe *p);

/* Both halves apart, for batches that prefetch in between; what is found expired stays, so that nothing
 * a batch has read goes before its end. */
uint64_t probe_hash(const kevy_store *s, const char *key, size_t klen);
uint64_t probe_hash_short(const kevy_store *s, const char *key, size_t klen); /* of 9 to 16 bytes */
entry *probe_find_hashed(kevy_store *s, probe *p, const char *key, size_t klen, uint64_t hash);
entry *probe_read_hashed(kevy_store *s, probe *p, const char *key, size_t klen, uint64_t hash);

/* Notes a read in the entry's access bits. */
void probe_note_access(const kevy_store *s, entry *e);

/* True when the found block may be changed where it stands: no snapshot can see it. */
bool probe_in_place(kevy_store *s, const probe *p);

/* Makes an entry of this type, content and deadline under the probe's key and puts it in place of what
 * was there. A key that exists keeps its kind; a new one takes key_kind. On KEVY_EOOM nothing changed.
 * On success p->live is the new entry, which owns the content's blob. */
kevy_status probe_put(kevy_store *s, probe *p, int32_t type, const content *c, int64_t deadline,
                      uint32_t key_kind);

/* probe_put in steps, for operations on many keys that happen whole or not at all: build every block
 * (0: no memory), swap each in where its key belongs (false: no memory; *before tells what was there),
 * and then commit all in that order; or undo all in the reverse, and discard them with what they own. */
ref probe_build(kevy_store *s, int32_t type, const char *key, size_t klen, uint32_t key_kind,
                const content *c, int64_t deadline);
bool probe_swap(kevy_store *s, const probe *p, ref block, uint64_t *before);
void probe_commit(kevy_store *s, uint64_t hash, ref block, uint64_t before);
void probe_undo(kevy_store *s, uint64_t hash, ref block, uint64_t before);
void probe_discard(kevy_store *s, ref block);

/* Removes the found entry, live or expired. Never fails. */
void probe_remove(kevy_store *s, probe *p);

/* The same where another entry has taken over its large value. */
void probe_forget(kevy_store *s, probe *p);

/* Removes an entry that has expired, whichever database has it; the same of one that is known to be under this hash. False: none has. */
bool probe_expire(kevy_store *s, ref block);
bool probe_expire_hashed(kevy_store *s, uint64_t hash, ref block);

/* True when the key is gone, though nothing took it away yet: its deadline has come, or those of all fields of its hash. */
bool probe_gone(kevy_store *s, const entry *e);

/* Removes the entry that a slot of the selected database holds, to make room. */
void probe_evict(kevy_store *s, uint64_t *slot);

/* True when the entry's deadline has come. */
static inline bool probe_expired(kevy_store *s, const entry *e) {
  return UNLIKELY(entry_has_deadline(e)) && store_passed(s, entry_deadline(e));
}

/* Gives e another deadline (or none); a deadline that has come removes the key. */
kevy_status probe_set_deadline(kevy_store *s, probe *p, int64_t deadline);

/* The scalar an entry holds, borrowed; KEVY_NIL for collections. */
void entry_value(const char *base, const entry *e, kevy_value *out);
static inline void probe_value(const kevy_store *s, const entry *e, kevy_value *out) {
  entry_value(s->base, e, out);
}

/* The same, held so that it survives the entry's removal: until the next result. KEVY_EOOM. */
kevy_status probe_lend(kevy_store *s, const entry *e, kevy_value *out);

/* What an entry holds, as content to put elsewhere; a blob gains an owner. */
content probe_share(kevy_store *s, const entry *e);

/* Undoes probe_share or a content that was never put. */
void content_drop(kevy_store *s, const content *c);

#endif
