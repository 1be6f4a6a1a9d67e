/* rdb_restore: RESTORE: a payload of DUMP, kevy's own or a server's, into a live store. */
#ifndef KEVY_RDB_RESTORE_H
#define KEVY_RDB_RESTORE_H

#include "../store.h"

/* Puts the value of a payload under a key. flags: KEVY_REPLACE, KEVY_TEXT_KEY. KEVY_UNMET: there is a key, and no
 * KEVY_REPLACE. KEVY_EARG: the payload's version or checksum is wrong; KEVY_ECORRUPT: its value is (noted). On any
 * error nothing has changed. A deadline that has come leaves no key. O(len). */
kevy_status rdb_restore(kevy_store *s, const char *key, size_t klen, const char *payload, size_t len, int64_t deadline,
                        uint32_t flags);

#endif
