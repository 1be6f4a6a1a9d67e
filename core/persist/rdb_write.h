/* rdb_write: a moment as Redis's file format (rdb.h), and one value as a payload of DUMP.
 *
 * Written is what redis-server 7.0 reads: small hashes and sorted sets as listpacks, small sets of integers as intsets,
 * lists as quicklists of listpacks, streams as listpacks chunk by chunk, large hashes, sets and sorted sets element by
 * element. Kinds and deadlines of fields go into AUX ops before the key they are of; a file of plain bytes has none. What had
 * expired at the moment is left out.
 *
 * A collection is walked twice: to learn counts, lengths and kinds, and to write. So memory is bounded, whatever the
 * values. Only frozen nodes are read: any thread, while the owner of the store writes. */
#ifndef KEVY_RDB_WRITE_H
#define KEVY_RDB_WRITE_H

#include "../store.h"
#include "rdb.h"
#include "writer.h"

/* The file is the base of an append-only log (AUX aof-base). What has expired is in it: the log says when it goes. */
#define RDB_LOG_BASE 1u

/* All of a snapshot, its libraries of functions included, from the magic to the checksum. *keys, if not NULL, counts those written or passed over. False: no
 * memory; a failing writer is told by w->error. O(elements). */
bool rdb_write(writer *w, const kevy_store *snapshot, uint32_t flags, _Atomic uint64_t *keys);

/* What DUMP answers for an entry that has not expired, to a writer that nothing was written to before. Kinds and fields'
 * deadlines are not in it. False: there is nothing to write, all fields of a hash having expired. */
bool rdb_write_payload(writer *w, const space *sp, const entry *e, int64_t now);

/* How saving a file ended. */
typedef struct rdb_outcome {
  int error;        /* errno; 0: saved */
  const char *step; /* what failed: "write", "rename" ... Static. */
} rdb_outcome;

/* rdb_write into a file beside `path`, which takes its place when it is whole and on the disk. On any error but that of
 * the last step (the directory's sync) the file that was there is untouched, and nothing is left behind. */
rdb_outcome rdb_save(const kevy_store *snapshot, const char *path, uint32_t flags, _Atomic uint64_t *keys);

#endif
