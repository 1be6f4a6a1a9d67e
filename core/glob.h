/* glob: Redis's pattern matching (stringmatchlen): * ? [abc] [^a-z] and \ to quote. Pure, binary-safe,
 * and bounded: time is O(pattern * text), never exponential. */
#ifndef KEVY_GLOB_H
#define KEVY_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* True when the whole text matches the whole pattern. */
bool glob_match(const char *pattern, size_t plen, const char *text, size_t len, bool nocase);

#endif
