/* hashing: the keyed hash of keys, with 192 bytes of random secret per space: keys come from the internet,
 * and without the secret nobody can choose keys that collide. XXH3, but for keys of up to 16 bytes.
 *
 * Those take two multiplications to 128 bits, each of two words that a secret word was xored into: how rapidhash (and
 * wyhash, which Go's maps use with random words, too) ends, where XXH3 has one such multiplication and
 * an unkeyed rest; a third of XXH3's instructions. Of the first product nothing is folded away, so two keys of one
 * length meet in it only where an unknown factor is 0 or products of unknown factors agree, and the second
 * folds what nobody outside can know. */
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

/* All 128 bits of a product. By hand for gcc, which around its own form saves up to four registers that it then
 * does not use: a twentieth of a lookup's instructions. */
typedef struct product {
  uint64_t low, high;
} product;
static FLAT product multiply(uint64_t a, uint64_t b) {
  product p;
#if defined(__x86_64__) && !defined(__clang__)
  __asm__("mulq %3" : "=a"(p.low), "=d"(p.high) : "%0"(a), "rm"(b) : "cc");
#else
  unsigned __int128 m = (unsigned __int128)a * b;
  p.low = (uint64_t)m;
  p.high = (uint64_t)(m >> 64);
#endif
  return p;
}

#define HASH_SHORT_SECRET 32 /* what keys of up to 16 bytes take of it */

static FLAT uint64_t hash_two(const unsigned char *secret, uint64_t a, uint64_t b, size_t n) {
  product p = multiply(a ^ load64(secret), b ^ load64(secret + 8));
  p = multiply(p.low ^ load64(secret + 16), p.high ^ load64(secret + 24) ^ n);
  return p.low ^ p.high;
}

static FLAT uint64_t hash_tiny(const unsigned char *secret, const char *p, size_t n) {
  const unsigned char *u = (const unsigned char *)p;
  if (n >= 4) return hash_two(secret, load32(p), load32(p + n - 4), n);
  if (n == 0) return hash_two(secret, 0, 0, 0);
  return hash_two(secret, u[0] | (uint64_t)u[n >> 1] << 8 | (uint64_t)u[n - 1] << 16, 0, n);
}

/* Of 8 to 16 bytes. */
static FLAT uint64_t hash_short(const unsigned char *secret, const char *p, size_t n) {
  return hash_two(secret, load64(p), load64(p + n - 8), n);
}

/* Of at most 16 bytes: without a call. */
static FLAT uint64_t hash_quick(const unsigned char *secret, const char *p, size_t n) {
  return LIKELY(n - 8 <= 8) ? hash_short(secret, p, n) : hash_tiny(secret, p, n);
}

static FLAT uint64_t hash_bytes(const unsigned char *secret, const char *p, size_t n) {
  if (LIKELY(n - 8 <= 8)) return hash_short(secret, p, n);
  return n < 8 ? hash_tiny(secret, p, n) : hash_long(secret, p, n);
}

#endif
