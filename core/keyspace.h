/* keyspace: keys whatever their type: find, count, rename, copy, scan, time to live.
 *
 * An expired key does not exist: every function here treats it as missing and, on a live store,
 * removes it when it meets it. Callers hold the store's lock and have checked that it is open.
 * Times are deadlines in Unix ms, or KEVY_NO_TTL. */
#ifndef KEVY_KEYSPACE_H
#define KEVY_KEYSPACE_H

#include <stdbool.h>

#include "kevy_types.h"

typedef struct kevy_store kevy_store;

kevy_status keyspace_delete(kevy_store *s, const char *key, size_t klen);
kevy_status keyspace_exists(kevy_store *s, const char *key, size_t klen);
kevy_status keyspace_touch(kevy_store *s, const char *key, size_t klen);
kevy_status keyspace_type(kevy_store *s, const char *key, size_t klen, int32_t *type);
kevy_status keyspace_rename(kevy_store *s, const char *key, size_t klen, const char *to,
                            size_t tolen, uint32_t flags);
kevy_status keyspace_copy(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen,
                          uint32_t flags);

/* The same into another database, and RENAME from one to another: MOVE. KEVY_UNMET: the key is there. */
kevy_status keyspace_copy_to(kevy_store *s, const char *key, size_t klen, uint32_t db, const char *to, size_t tolen, uint32_t flags);
kevy_status keyspace_move(kevy_store *s, const char *key, size_t klen, uint32_t db);

uint64_t keyspace_len(kevy_store *s);
kevy_status keyspace_random(kevy_store *s, kevy_value *key);

/* FLUSHDB, of the database that is selected; and FLUSHALL. */
kevy_status keyspace_clear(kevy_store *s);
kevy_status keyspace_clear_all(kevy_store *s);

/* One call per live key met; key borrows for the length of the call, which must not write. */
typedef void (*keyspace_visit)(void *context, const kevy_value *key, int32_t type);

/* One step of SCAN: visits at least count keys (or all that remain) from *cursor on and moves it;
 * 0 starts and, coming back, ends. A key that exists from the first step to the last is visited at
 * least once, whatever splits or merges happen in between. */
void keyspace_scan(kevy_store *s, uint64_t *cursor, uint64_t count, keyspace_visit visit,
                   void *context);

/* *deadline is KEVY_NO_TTL when the key has none. KEVY_MISSING. */
kevy_status keyspace_deadline(kevy_store *s, const char *key, size_t klen, int64_t *deadline);

/* PEXPIREAT with KEVY_NX, XX, GT, LT. A deadline that is not after now deletes the key. KEVY_NO_TTL
 * as the deadline is PERSIST. KEVY_UNMET, KEVY_MISSING. */
kevy_status keyspace_expire(kevy_store *s, const char *key, size_t klen, int64_t deadline,
                            uint32_t flags);

/* Bytes that go when the key goes. */
kevy_status keyspace_memory_usage(kevy_store *s, const char *key, size_t klen, uint64_t *bytes);

/* The store's present in Unix ms; constant within a snapshot. */
int64_t keyspace_now(kevy_store *s);

#endif
