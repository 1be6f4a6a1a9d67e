/* payload: one value as the bytes that DUMP answers and RESTORE takes. Callers hold the lock of an open store. */
#ifndef KEVY_PAYLOAD_H
#define KEVY_PAYLOAD_H

#include "../store.h"

/* *out lends the payload until the next result. KEVY_MISSING, KEVY_EOOM. */
kevy_status payload_dump(kevy_store *s, const char *key, size_t klen, kevy_value *out);

#endif
