/* loading: an RDB file on its way into a store that is in use.
 *
 * It is read into a space of its own, which takes the place of the store's when all of it is there (store_adopt): a
 * load that fails or is given up leaves everything as it was, and whoever holds a snapshot keeps it. The store is
 * locked only for that; meanwhile it may be used, and what is written to it is gone afterwards. Both spaces count:
 * memory for both is needed, and maxmemory limits each. One thread at a time. */
#ifndef KEVY_LOADING_H
#define KEVY_LOADING_H

#include "rdb_read.h"

typedef struct kevy_loading kevy_loading;

/* From a file, or from memory, which stays the caller's. Both note why they failed (store_fail; the store's lock is
 * held by the caller). KEVY_EIO: errno says it, too. */
kevy_status loading_path(kevy_store *s, const char *path, const rdb_load *load, kevy_loading **out);
kevy_status loading_memory(kevy_store *s, const char *bytes, size_t len, const rdb_load *load, kevy_loading **out);

/* Reads about so many bytes: KEVY_UNMET when there is more; KEVY_OK when all is read and under the store. Takes the
 * store's lock at the end. After any but KEVY_UNMET it only repeats its answer. */
kevy_status loading_step(kevy_loading *l, uint64_t bytes);

/* Bytes read, of how many (0: not known), and keys. */
void loading_progress(const kevy_loading *l, uint64_t *done, uint64_t *total, uint64_t *keys);

/* What it is loaded into. */
kevy_store *loading_store(const kevy_loading *l);

void loading_close(kevy_loading *l);

#endif
