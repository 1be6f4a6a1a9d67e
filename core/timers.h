/* timers: which hashes have fields with deadlines, and when the first of them comes.
 *
 * A second table of a database, of small entries of type ENTRY_TIMER: the key is the hash's, the deadline the
 * earliest of its fields' or one before it. They hang on the wheel of the keys' deadlines (expire.h); when one comes
 * due, the hash sheds what is due, a slice at a time, and the timer is set anew, or goes with the last
 * deadline. A timer that comes too early does no harm. A key that is removed, or comes to hold something
 * else, takes its timer along. Snapshots do not look at timers. Owner's thread only. */
#ifndef KEVY_TIMERS_H
#define KEVY_TIMERS_H

#include "store.h"

#define ENTRY_TIMER 7 /* beside the KEVY_TYPE_s */

/* Makes sure that the hash under this key is woken by then. False: no memory. */
bool timers_arm(kevy_store *s, const char *key, size_t klen, uint64_t hash, int64_t deadline);

/* Takes the key's timer away, if there is one. Never fails. */
void timers_forget(kevy_store *s, const char *key, size_t klen, uint64_t hash);

/* Wakes the hash of a timer that is due. *items as in expire_slice. False: its database was flushed. */
bool timers_ring(kevy_store *s, ref timer, uint32_t *items);

/* Whether a moment sees this timer. */
bool timers_seen(const moment *m, ref timer, uint64_t hash);

/* Frees one that is off the wheel and out of its table, unless somebody may go back to it. What it took. */
size_t timers_free(kevy_store *s, ref timer);

#endif
