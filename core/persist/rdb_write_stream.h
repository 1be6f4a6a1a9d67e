/* rdb_write_stream: streams in Redis's file format: chunk by chunk as listpacks, then the groups and what is pending. Called by
 * rdb_write. */
#ifndef KEVY_RDB_WRITE_STREAM_H
#define KEVY_RDB_WRITE_STREAM_H

#include "rdb_writer.h"

/* A stream's key and value, after AUX fields that tell of kinds and of when consumers were active. */
void rdb_write_stream(rdb_writer *rw, const entry *e);

/* The value alone. */
void rdb_put_stream(rdb_writer *rw, const entry *e);

#endif
