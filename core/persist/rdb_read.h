/* rdb_read: a whole RDB file into a store, a step at a time.
 *
 * Read are versions 1 to RDB_VERSION_MAX of REDIS and those of VALKEY up to RDB_VALKEY_VERSION. Keys whose deadline
 * has come are left out, as Redis does. Libraries of functions become the store's. What modules keep beside keys, slots of a cluster, and access
 * times are read over. Keys go to the database that the file says; or the caller names one, whose keys go to 0, and the
 * others' keys are read over. Keys of a module fail it by the module's name, or are read over when
 * the caller says so.
 *
 * Strings take a straight way: their entries are made as they are read, and put into the table a few at a time, so
 * that the memory it takes to place one is on its way while the others are read. */
#ifndef KEVY_RDB_READ_H
#define KEVY_RDB_READ_H

#include "rdb_reader.h"

#define RDB_ANY_DB (-1)

typedef struct rdb_load {
  int32_t db;        /* the database wanted; RDB_ANY_DB */
  bool skip_modules; /* read over keys of modules */
} rdb_load;

typedef struct rdb_file rdb_file;

/* A file to be read into an empty store that nobody else knows; its source is yet to be opened. NULL: no memory. */
rdb_file *rdb_file_new(kevy_store *s, const rdb_load *load);
rdb_source *rdb_file_source(rdb_file *f);
void rdb_file_free(rdb_file *f);

/* Reads on for about so many bytes: KEVY_UNMET when there is more to come, KEVY_OK when all is read and the checksum
 * is right. After a failure the source says why, and what the store holds is of no use. */
kevy_status rdb_file_step(rdb_file *f, uint64_t bytes);

/* Keys read so far, wanted or not. */
uint64_t rdb_file_keys(const rdb_file *f);

#endif
