/* expire: the deadline index: a hierarchical timing wheel through the entries themselves.
 *
 * Eight levels of 64 lists. Level l sorts deadlines by bits 6l to 6l+5 of their millisecond, relative to
 * `elapsed`, the time up to which the wheel has been turned: an entry hangs on the level of the
 * highest bit in which its deadline differs from `elapsed`. Turning moves lists down a level as their time
 * comes, and what reaches level 0 in the past is due. Adding, removing and finding the next due list
 * are O(1); nothing is sampled. Links are five-byte refs inside the entry (entry.h): 10 bytes a
 * key and no slack.
 *
 * Snapshots do not read the wheel; its links are written in entries that snapshots see. Only entries of the
 * live table are on it, each exactly when it has a deadline. */
#ifndef KEVY_EXPIRE_H
#define KEVY_EXPIRE_H

#include "store.h"

/* Makes sure the wheel exists, so that expire_add cannot fail. False: no memory. */
bool expire_prepare(kevy_store *s);

/* Puts an entry that has a deadline on the wheel. */
void expire_add(kevy_store *s, ref block);

/* Takes it off. */
void expire_remove(kevy_store *s, ref block);

/* Gives an entry on the wheel another deadline. */
void expire_move(kevy_store *s, ref block, int64_t deadline);

/* Deletes up to `items` due keys (moving an entry down a level counts as one). True when nothing more is
 * due. Sets s->next_due. */
bool expire_slice(kevy_store *s, uint32_t items, uint64_t *expired);

/* Hangs every entry anew as seen from the present, after the tests' clock went back. O(keys). */
void expire_rewind(kevy_store *s);

/* An entry whose deadline is among the earliest, 0 when no key has one. */
ref expire_earliest(const kevy_store *s);

/* Bytes the wheel itself takes. */
size_t expire_bytes(void);

#endif
