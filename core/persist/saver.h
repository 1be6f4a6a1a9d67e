/* saver: saving a moment on a thread of its own, while the store's owner goes on writing.
 *
 * The thread reads frozen nodes only, takes no lock of the store, and may outlive it. */
#ifndef KEVY_SAVER_H
#define KEVY_SAVER_H

#include "../store.h"
#include "rdb_write.h"

typedef struct kevy_job kevy_job;

/* Begins to save a snapshot, which the saver frees in the end. NULL: no memory, or no thread; it is the caller's then. */
kevy_job *saver_start(kevy_store *snapshot, const char *path, uint32_t flags);

/* Waits until it is over, at most timeout_ms (below 0: for ever); false: it is not. In a process forked from the one that
 * began it is over at once, as interrupted. Any thread. */
bool saver_wait(kevy_job *j, int64_t timeout_ms, rdb_outcome *out);

/* Keys written so far, and how many there were. Any thread. */
void saver_progress(kevy_job *j, uint64_t *done, uint64_t *total);

/* Lets go of it; a save that is not over goes on. */
void saver_close(kevy_job *j);

const char *saver_path(const kevy_job *j);

#endif
