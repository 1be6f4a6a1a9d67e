/* expire: the deadlines of keys: one wheel (wheel.h) through the entries of the live table, each on it exactly when
 * it has a deadline. */
#ifndef KEVY_EXPIRE_H
#define KEVY_EXPIRE_H

#include "store.h"

/* Makes sure the wheel exists, so that expire_add cannot fail. False: no memory. */
bool expire_prepare(kevy_store *s);

/* Whether EXPIRE's conditions (KEVY_NX, XX, GT, LT) allow the change; no deadline counts as the latest. */
static inline bool expire_allowed(int64_t before, int64_t after, uint32_t flags) {
  if ((flags & KEVY_NX) && before != KEVY_NO_TTL) return false;
  if ((flags & KEVY_XX) && before == KEVY_NO_TTL) return false;
  if ((flags & KEVY_GT) && (before == KEVY_NO_TTL || after <= before)) return false;
  if ((flags & KEVY_LT) && before != KEVY_NO_TTL && after >= before) return false;
  return true;
}

/* Puts an entry that has a deadline on the wheel, and takes it off, without counting it as a key with one. */
void expire_hang(kevy_store *s, ref block);
void expire_unhang(kevy_store *s, ref block);

/* Of an entry of a database that was flushed: it is taken off before its time there has come; whether it was; that it is on no wheel. */
void expire_forsake(kevy_store *s, ref block);
bool expire_forsaken(const kevy_store *s, ref block);
void expire_mark_forsaken(const kevy_store *s, ref block);

/* Puts an entry that has a deadline on the wheel. */
void expire_add(kevy_store *s, ref block);

/* Takes it off. */
void expire_remove(kevy_store *s, ref block);

/* Gives an entry on the wheel another deadline. */
void expire_move(kevy_store *s, ref block, int64_t deadline);

/* Deletes up to `items` due keys (moving an entry down a level counts as one). True when nothing more is
 * due. Sets s->next_due. Inside a transaction what is due waits: the keys count as absent where they are met. */
bool expire_slice(kevy_store *s, uint32_t items, uint64_t *expired);

/* Hangs every entry anew as seen from the present, after the tests' clock went back. O(keys). */
void expire_rewind(kevy_store *s);

/* An entry whose deadline is among the earliest, 0 when no key has one. */
ref expire_earliest(const kevy_store *s);

/* Bytes the wheel itself takes. */
size_t expire_bytes(void);

#endif
