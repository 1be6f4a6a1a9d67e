/* lcs: the longest common subsequence of two strings, and the ranges of bytes that make it up, found from the end backwards as
 * Redis finds them.
 *
 * The lengths for all pairs of prefixes are computed a row at a time; of each pair one bit is kept, which of the two strings
 * loses its last byte on the way back. Memory is malloc's. Any caller. */
#ifndef KEVY_LCS_H
#define KEVY_LCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pairs of prefixes that are looked at at most, as in Redis, where each takes 4 of 512 MB: two strings of 11 KB. */
#define LCS_PAIRS ((uint64_t)1 << 27)

typedef struct lcs {
  const char *a, *b;
  size_t a_len, b_len;
  size_t length; /* of the subsequence */
  unsigned char *shorter; /* a bit a pair: a's last byte goes; NULL when no way back is wanted */
} lcs;

static inline bool lcs_fits(size_t a_len, size_t b_len) {
  return a_len < LCS_PAIRS && b_len < LCS_PAIRS && (uint64_t)(a_len + 1) * (b_len + 1) <= LCS_PAIRS;
}

/* False: no memory. The strings fit. path: ranges will be asked for. O(a_len * b_len). */
bool lcs_open(lcs *l, const char *a, size_t a_len, const char *b, size_t b_len, bool path);
void lcs_close(lcs *l);

/* A run of bytes that both have, of this length, from these positions on. */
typedef struct lcs_range {
  size_t a, b, length;
} lcs_range;

/* The last range before *at, which begins as {a_len, b_len} and moves to the range's beginning. False: there is none. */
bool lcs_next(const lcs *l, lcs_range *at);

#endif
