/* rdb_value: one value of an RDB file or a DUMP payload, whatever its type and encoding, into the store. */
#ifndef KEVY_RDB_VALUE_H
#define KEVY_RDB_VALUE_H

#include "rdb_reader.h"

/* Reads a value of this type, other than a string, and puts it under a key that does not exist. flags: KEVY_TEXT_KEY.
 * The key stays where it is until the return. KEVY_MISSING: the value is empty, which no value of a store is. After a
 * failure the key may hold some of it. What is told of the key is used up. */
kevy_status rdb_value_read(rdb_reader *r, uint8_t type, const char *key, size_t klen, uint32_t flags);

/* A stream; the same (rdb_stream_read.c). */
kevy_status rdb_stream_read(rdb_reader *r, uint8_t type, const char *key, size_t klen, uint32_t flags);

/* Reads a string as the scalar it was, lent until the next read. */
kevy_status rdb_string_value(rdb_reader *r, char digits[24], kevy_value *out);

/* Reads over what a module saved. */
kevy_status rdb_module_pass(rdb_reader *r);

/* The name of a module from its number. */
const char *rdb_module_name(uint64_t id, char name[10]);

#endif
