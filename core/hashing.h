/* hashing: the keyed hash of keys. XXH3 with 192 bytes of random secret per space: keys come from the
 * internet, and without the secret nobody can choose keys that collide. */
#ifndef KEVY_HASHING_H
#define KEVY_HASHING_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base.h"

#ifndef __clang__ /* which inlines it by itself; for gcc, a call costs as much as hashing a short key */
static inline XXH64_hash_t XXH3_64bits_withSecret(const void *, size_t, const void *, size_t)
    __attribute__((always_inline));
#endif

static __attribute__((noinline)) uint64_t hash_long(const unsigned char *secret, const char *p,
                                                    size_t n) {
  return XXH3_64bits_withSecret(p, n, secret, 192);
}

/* Inlined for short keys only: the bound lets the compiler drop XXH3's longer forms. */
static FLAT uint64_t hash_bytes(const unsigned char *secret, const char *p, size_t n) {
  return LIKELY(n <= 16) ? XXH3_64bits_withSecret(p, n, secret, 192) : hash_long(secret, p, n);
}

#endif
