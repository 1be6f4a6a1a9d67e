/* zset_forms: what a large sorted set's order is made of (type_zset.h), and how members compare. For the files of the sorted-set type
 * alone. */
#ifndef KEVY_ZSET_FORMS_H
#define KEVY_ZSET_FORMS_H

#include <math.h>

#include "members.h"
#include "number.h"
#include "type_zset.h"

typedef union zset_item {
  struct {
    uint64_t score; /* zset_order_of */
    ref member;
  };
  uint64_t key[2]; /* of a cell */
} zset_item;

typedef struct zset_leaf {
  node head;
  zset_item at[];
} zset_leaf;

#define ZSET_LEAF_MAX 63u
#define ZSET_LEAF_SPARSE 16u /* a leaf of fewer items looks for a neighbour to join */
#define ZSET_LEAF_JOINED 40u

static_assert(sizeof(zset_leaf) + ZSET_LEAF_MAX * sizeof(zset_item) == 1024, "a leaf is a size class at most");

/* A small set never takes more. */
#define ZSET_ROOM (PACKED_HEAD + (ZSET_SMALL_COUNT + 1) * (ZSET_SMALL_LEN + 5 + 10))

static inline zset *zset_at(const char *base, const entry *e) { return (zset *)collection_at(base, e); }
static inline zset_leaf *zset_leaf_at(const char *base, ref r) { return mem_ptr(base, r); }

/* ---- members ---- */

/* A member of this byte form in this kind. */
static FLAT kevy_value zset_value(const char *ptr, size_t len, uint32_t kind) {
  kevy_value v = {kind, 0, len, {.ptr = ptr}};
  if (LIKELY(kind != KEVY_INT)) return v;
  int64_t i = 0;
  (void)number_parse_int(ptr, len, &i);
  v.len = 0;
  v.as.i = i;
  return v;
}

static FLAT double zset_entry_score(const entry *e) {
  double score;
  store64(&score, load64(entry_content(e)));
  return score;
}

/* The order of members with one score. */
static FLAT int zset_compare(const char *a, size_t alen, const char *b, size_t blen) {
  size_t common = alen < blen ? alen : blen;
  int c = common != 0 ? memcmp(a, b, common) : 0;
  return c != 0 ? c : (alen > blen) - (alen < blen);
}

#endif
