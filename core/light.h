/* light: a transaction as long as a few writes of strings are all it did.
 *
 * Opening a moment makes the first write to each segment copy it. So a transaction that begins while no moment lives opens
 * none yet. What it writes goes where it would go without one; a short log has what was there: short bytes, or the slot and
 * what it held, which is kept alive. To commit is to free that, to roll back is to put it back: neither takes memory.
 *
 * Whatever the log is not made for (other types, deadlines, removals, a full log, savepoints, snapshots, clearing, memory
 * being short) first opens the moment: the writes are taken out again, the moment is opened of what was at the
 * beginning, and the writes are put into segments that are owned. So everything else sees a transaction that holds
 * its moment, or none.
 *
 * Meanwhile `newest` is all ones: no node counts as writable and no entry as fresh, so that the ways on which things are
 * changed in place are closed. Nothing may be retired then: store_write opens the moment, and what writes without it calls
 * light_settle. */
#ifndef KEVY_LIGHT_H
#define KEVY_LIGHT_H

#include "probe.h"
#include "transaction.h"

/* Begins t, a new or spare one, as a light one. False: it cannot be one. */
bool light_begin(space *sp, transaction *t);

/* The same where it can; and back again. */
void light_enter(space *sp, transaction *t);
void light_leave(space *sp);

void light_commit(space *sp);
void light_undo(space *sp);

/* What its log keeps of what was there. */
uint64_t light_bytes(const space *sp);

/* Opens the moment of the one that is light. Slots that were found before are somewhere else then. False: no memory, and
 * nothing changed. */
bool light_open(space *sp, int64_t now);

/* The same for who has found a slot (NULL: none), which follows. */
bool light_settle(kevy_store *s, uint64_t hash, uint64_t **slot);

/* probe_put, logged; or past the moment, which is opened. */
kevy_status light_put(kevy_store *s, probe *p, int32_t type, const content *c, int64_t deadline, uint32_t key_kind);

/* Before the value of a plain entry, of at most LIGHT_VALUE_MAX bytes, gives way to another of the same length where it stands. False:
 * the log takes no more. */
bool light_note(space *sp, const entry *e);

/* The same for the first one, whose value is known to be these bytes. False for any other. */
bool light_note_first(space *sp, const entry *e, const char *value, size_t len);

#endif
