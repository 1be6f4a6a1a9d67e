/* lcs: see lcs.h. */
#include "lcs.h"

#include <stdlib.h>
#include <string.h>

static uint64_t lcs_bit(const lcs *l, size_t i, size_t j) { return (uint64_t)i * (l->b_len + 1) + j; }

static bool lcs_shorter(const lcs *l, size_t i, size_t j) {
  uint64_t bit = lcs_bit(l, i, j);
  return l->shorter[bit / 8] >> bit % 8 & 1;
}

/* One row: row[j] is the length for the first i - 1 bytes of a and j of b, and becomes that for i. */
static void lcs_row(lcs *l, size_t i, uint32_t *row) {
  uint32_t diagonal = 0; /* row[j - 1] before */
  for (size_t j = 1; j <= l->b_len; j++) {
    uint32_t above = row[j];
    if (l->a[i - 1] == l->b[j - 1]) {
      row[j] = diagonal + 1;
    } else if (above > row[j - 1]) {
      uint64_t bit = lcs_bit(l, i, j);
      if (l->shorter != NULL) l->shorter[bit / 8] |= (unsigned char)(1u << bit % 8);
    } else {
      row[j] = row[j - 1];
    }
    diagonal = above;
  }
}

bool lcs_open(lcs *l, const char *a, size_t a_len, const char *b, size_t b_len, bool path) {
  *l = (lcs){.a = a, .b = b, .a_len = a_len, .b_len = b_len};
  uint64_t pairs = ((uint64_t)a_len + 1) * (b_len + 1);
  uint32_t *row = calloc(b_len + 1, sizeof *row);
  if (row != NULL && path) l->shorter = calloc(pairs / 8 + 1, 1);
  bool enough = row != NULL && (!path || l->shorter != NULL);
  for (size_t i = 1; enough && i <= a_len; i++) lcs_row(l, i, row);
  if (enough) l->length = row[b_len];
  free(row);
  return enough;
}

void lcs_close(lcs *l) { free(l->shorter); }

bool lcs_next(const lcs *l, lcs_range *at) {
  size_t i = at->a, j = at->b;
  while (i > 0 && j > 0 && l->a[i - 1] != l->b[j - 1]) {
    if (lcs_shorter(l, i, j)) i--;
    else j--;
  }
  at->length = 0;
  for (; i > 0 && j > 0 && l->a[i - 1] == l->b[j - 1]; i--, j--) at->length++;
  at->a = i;
  at->b = j;
  return at->length != 0;
}
