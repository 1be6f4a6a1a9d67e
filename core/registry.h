/* registry: the process's stores that threads share or that live in a directory: found by name, and kept whole across fork.
 *
 * At a fork every lock is taken first, so that the child finds no store half-changed by a thread it
 * does not have. */
#ifndef KEVY_REGISTRY_H
#define KEVY_REGISTRY_H

#include "store.h"

/* Another opening of the store of this name, or a new one that make(context) gives; NULL when that
 * failed. name NULL: always new. */
kevy_store *registry_open(const char *name, kevy_store *(*make)(void *), void *context);

/* One opening less. True when it was the last: the store is out of the registry and the caller's to free. */
bool registry_close(kevy_store *s);

#endif
