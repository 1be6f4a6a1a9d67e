/* cmd_encoding: what Redis calls the form of a value. */
#ifndef KEVY_CMD_ENCODING_H
#define KEVY_CMD_ENCODING_H

#include "command.h"

/* "listpack", "skiplist", "embstr" ...: what OBJECT ENCODING says of a key's value; NULL when it is missing. Static. The
 * caller holds the lock. O(elements, up to the threshold of the type). */
const char *encoding_word(kevy_store *s, const kevy_value *key);

#endif
