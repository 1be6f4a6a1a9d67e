/* background: the optional thread of a store that reclaims what expired and what snapshots left behind, so
 * that memory comes back without calls. It takes the store's lock for one slice at a time. */
#ifndef KEVY_BACKGROUND_H
#define KEVY_BACKGROUND_H

#include "store.h"

/* Starts the thread. False when the system gives none. */
bool background_start(kevy_store *s);

/* Starts it again where a fork lost it; called now and then by writers. */
void background_ensure(kevy_store *s);

/* Stops and joins it. The caller does not hold the store's lock. */
void background_stop(kevy_store *s);

/* In the child of a fork: the thread does not exist here. */
void background_forked(kevy_store *s);

#endif
