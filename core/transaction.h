/* transaction: several calls that happen as one, or not at all.
 *
 * A transaction holds the moment it began at (snapshot.h), so nothing the moment sees is changed or freed inside. To
 * commit is to let go of it. To roll back is to make it the present again:
 *
 *     what the moment sees and the present does not     is on dead lists: they are emptied, nothing is freed
 *     what the present sees and the moment does not     was born since: the nodes born since lead to it, and it is freed
 *
 * So a rollback costs what was written, whatever the store holds. It takes no memory and does not fail. Nested
 * ones are savepoints: each holds a moment of its own, and they end in the reverse order.
 *
 * Deadline wheels are no part of moments: what comes back is hung up again, what goes is taken off. Inside,
 * nothing expires by itself. Timers (timers.h) go back with the keys, and so do figures of what was removed. Waiters
 * are served, and the log is given what was done, at the end of the outermost.
 *
 * Large values: a grave whose value the moment may see a version of waits (space.kept) for the end, since to take
 * it apart would hand everything it shares with that version to dead lists. Inside, clearing a store puts its
 * space aside.
 *
 * Snapshots and iterators opened inside survive a rollback: while one of them lives, what was born inside is kept whole, as
 * is the moment it began at, and goes when the last is released (transaction_left).
 *
 * While nothing needs the moment, it is not opened (light.h).
 *
 * Belongs to the thread that began it. Callers hold the store's lock. */
#ifndef KEVY_TRANSACTION_H
#define KEVY_TRANSACTION_H

#include "effect.h"
#include "events.h"
#include "store.h"

#define LIGHT_VALUE_MAX 32

/* A key written by a light transaction (light.h). */
typedef struct light_write {
  ref block;       /* its entry now */
  uint64_t *slot;  /* where another one, or none, was before; NULL: it was this one, and its bytes were others */
  uint64_t hash;   /* of the key, where there is a slot */
  uint64_t before; /* what the slot held, 0 for a free one; of the same entry, its kinds */
  char bytes[LIGHT_VALUE_MAX]; /* and its value */
} light_write;

#define LIGHT_WRITES 4

typedef struct transaction {
  struct transaction *outer; /* the one around it; of undone ones, the next */
  space *sp;                 /* what it began in */
  moment *start; /* NULL while it is light */
  ref kept;                  /* graves kept before it; of an undone one, those that it kept */
  struct flushed *flushed;   /* what was flushed before it; of an undone one, what was inside */
  ref wheel;
  uint64_t expired, evicted;
  uint32_t readies;
  effect_mark effects;       /* of a store with a log: what it had noted */
  uint32_t writes; /* in the log */
  uint32_t held;   /* of them, those that keep alive what was there */
  light_write log[LIGHT_WRITES];
  events_mark events;        /* of a store that is listened to: what waited */
  /* Once it was rolled back while moments from inside it live: */
  databases present;         /* what was the present then; room for all where there are several */
  moment *inside;            /* those moments, newest first, by older */
  uint32_t alive;            /* how many of them are held */
} transaction;

/* Begins one, inside the one that is open, if any. KEVY_EREADONLY, KEVY_EOOM. O(1). */
kevy_status transaction_begin(kevy_store *s);

/* The same, and the end, of one that is light and alone in a store whose calls have nothing else to see to: a few dozen
 * instructions, so that a processor that waits for the memory of one write reaches the next one meanwhile. False: take the
 * long way, nothing was done. */
bool transaction_begin_quick(kevy_store *s);
bool transaction_commit_quick(kevy_store *s);

/* Opens the moment that t goes back to: now. False: no memory. */
bool transaction_hold(space *sp, transaction *t, int64_t now);

/* Ends the innermost. KEVY_ETRANSACTION: none is open. */
kevy_status transaction_commit(kevy_store *s);
kevy_status transaction_rollback(kevy_store *s);

/* Rolls back all that are open, before the store goes. */
void transaction_undo_all(kevy_store *s);

/* How many are open. */
uint32_t transaction_depth(const kevy_store *s);

/* The newest moment, which keeps timers that are taken away if it sees them; NULL: nobody goes back to one. */
moment *transaction_keeper(const kevy_store *s);

/* A moment from inside an undone one was released. */
void transaction_left(space *sp, transaction *t);

/* Frees the one that is kept to begin with. */
void transaction_free_spare(kevy_store *s);

/* Frees what is kept of undone ones outside the region, which is going. */
void transaction_forget(space *sp);

#endif
