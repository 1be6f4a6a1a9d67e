/* snapshot: moments of a space: opening, sharing, releasing.
 *
 * Opening copies the table's few words and ends an epoch: its cost does not depend on the number of keys.
 * While nothing is written, moments share one epoch, and one instant's are one moment. Releasing the last hold, from any
 * thread, pushes the moment onto a list without locks; the owner takes it off at its next upkeep. */
#ifndef KEVY_SNAPSHOT_H
#define KEVY_SNAPSHOT_H

#include "space.h"

/* A hold on this instant of the space, with a reference on the space. NULL: no memory. Owner only. */
moment *snapshot_open(space *sp, int64_t now);

/* Another hold on a moment one already holds. Any thread. */
moment *snapshot_share(moment *m);

/* Lets go of one hold. Any thread. */
void snapshot_close(moment *m);

/* The same for a hold without a reference on the space. */
void snapshot_let_go(moment *m);

/* Frees a moment that is on no list any more; what only it sees is gone already. */
void snapshot_free(moment *m);

/* Not 0 when there is something to collect. */
static inline uintptr_t snapshot_released(const space *sp) {
  return (uintptr_t)atomic_load_explicit(&sp->released, memory_order_relaxed) |
         (uintptr_t)atomic_load_explicit(&sp->unpinned, memory_order_relaxed);
}
static inline bool snapshot_waiting(const space *sp) { return snapshot_released(sp) != 0; }

/* Takes at most so many released moments and pins off their lists. True when none is left. Owner only. */
#define SNAPSHOT_SLICE 64 /* some microseconds */
bool snapshot_collect_some(space *sp, uint32_t items);

/* The same with all of them. O(released). */
void snapshot_collect(space *sp);

/* Pins a blob; the caller's owner count of it becomes p's. Owner only. */
void snapshot_pin(space *sp, pin_node *p, ref held);

/* Lets go of a pin, from any thread; the node is freed when it is collected. */
void snapshot_unpin(space *sp, pin_node *p);

#endif
