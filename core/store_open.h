/* store_open: making and unmaking stores; the ABI's open, snapshot and close stand on these. */
#ifndef KEVY_STORE_OPEN_H
#define KEVY_STORE_OPEN_H

#include "store.h"

/* A live store over a new space. NULL: no memory. */
kevy_store *store_new(uint64_t maxmemory, uint32_t flags);

/* A read-only store of this instant of s, live or itself a snapshot. NULL: no memory. */
kevy_store *store_freeze(kevy_store *s);

/* The same of the instant before another thread's transaction, which is open. */
kevy_store *store_freeze_before(kevy_store *s);

/* Frees the handle; the space goes with its last reference. */
void store_free(kevy_store *s);

/* The tests' clock: a fixed present, or KEVY_NO_TTL for the system's. */
void store_set_clock(kevy_store *s, int64_t now);

#endif
