/* database: the numbered databases of a store: which one is in use, and what happens to one as a whole.
 *
 * Each is a table of its own in the store's region; epochs, moments, the deadline wheel, blobs, graves and figures of memory
 * are common to all. 0 is always there. Another one is made when it is selected, and taken away again when it is left
 * empty: a store that uses one database has nothing of the others but a null pointer.
 *
 *     store -> db, keys, index     the one selected: 0, but while a command of another one runs
 *
 * What writes and reads does so in the one selected and asks no further. What starts at an entry (its deadline has come, it is to
 * be evicted) looks for the table that has it. Swapping exchanges the words of two databases; `life` goes along, and tells
 * which table of an earlier state is which now.
 *
 * One of several that is flushed is set aside with its table, and upkeep takes it apart in slices, as of the present then; what moments see
 * of it goes to their dead lists. It does not know of transactions: it waits while one is open, and a rollback brings it
 * back. Its entries stay on the wheel until then; one whose time comes before is taken off and marked.
 *
 * Callers hold the store's lock. */
#ifndef KEVY_DATABASE_H
#define KEVY_DATABASE_H

#include "store.h"

/* One that was flushed and is not yet taken apart. */
typedef struct flushed {
  struct flushed *next;
  database db;
  uint64_t epoch;          /* then: moments of earlier ones may see it */
  table_walk keys, timers; /* how far that has got */
  uint64_t left, each;     /* entries, and what one took then on average */
} flushed;

/* ---- all of them ---- */

/* The one of this number, NULL where it is not in use. */
database *database_at(const databases *all, uint32_t index);

/* The next one in use, from number *index on, which moves past it; NULL at the end. */
database *database_next(const databases *all, uint32_t *index);

/* The one of this life; NULL: there is none. */
const database *database_of_life(const databases *all, uint64_t life);

/* Those of a store, or of the moment that it shows. */
const databases *database_all(const kevy_store *s);

/* Keys of all of them, those with a deadline, and those of a type but strings. */
uint64_t database_keys(const databases *all);
uint64_t database_with_ttl(const databases *all);
uint64_t database_typed(const databases *all, int32_t type);

/* Bytes of all their tables, those that are being taken apart included; of the timers; of blocks with deadlines; and about what is left of the
 * keys of those that were flushed. */
uint64_t database_table_bytes(const space *sp);
uint64_t database_timer_bytes(const space *sp);
uint64_t database_ttl_bytes(const space *sp);
uint64_t database_flushed_bytes(const space *sp);

/* Whether one of them has this entry, or this timer. */
bool database_has(const char *base, const databases *all, uint64_t hash, ref block);
bool database_has_timer(const char *base, const databases *all, uint64_t hash, ref timer);

/* Copies the words of all in use into what holds nothing yet. False: no memory. */
bool database_copy(databases *to, const databases *from);

/* ---- the one selected ---- */

/* Selects one that is in use. */
void database_select(kevy_store *s, uint32_t index);

/* Selects the same number again, or 0, after what is in use became something else. */
void database_reselect(kevy_store *s);

/* Makes sure that one is in use. False: no memory within the limit. */
bool database_prepare(kevy_store *s, uint32_t index);

/* The same, drawing on the reserve, and selects it. False: no memory, and the one before stays selected. */
bool database_enter(kevy_store *s, uint32_t index);

/* Back to an earlier one, or to 0 where that is gone meanwhile; the one that is left goes when it is empty. */
void database_leave(kevy_store *s, uint32_t back);

/* Selects the one that has an entry; its slot there, NULL and nothing selected when none has it. */
uint64_t *database_find(kevy_store *s, uint64_t hash, ref block);

/* Selects the one that has a timer. False: none has. */
bool database_find_timer(kevy_store *s, uint64_t hash, ref timer);

/* ---- as a whole ---- */

/* Exchanges two. KEVY_EOOM. O(1). */
kevy_status database_swap(kevy_store *s, uint32_t a, uint32_t b);

/* Empties the one selected; where no other has keys, by clearing the store. KEVY_EOOM. O(1). */
kevy_status database_flush(kevy_store *s);

/* Takes apart what was flushed, at most *items entries of it (counted down). True when nothing is left, or it has to wait. */
bool database_drain(kevy_store *s, uint32_t *items);

/* Marks what was flushed as being on no wheel, after that was emptied. */
void database_forsake_flushed(kevy_store *s);

/* Frees the words of what was flushed, with its space. */
void database_forget(space *sp);

#endif
