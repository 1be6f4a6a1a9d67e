/* type_zset: the sorted set type: members by (score, member bytes). Every function finds its key once.
 *
 *     small:  one packed block: member, score, member, score, ... in order; whole scores are kept as ints
 *     large:  keyed, a table of entries (member -> score), and a counted tree of the same entries in order
 *
 *     leaf:   item | item | ...    item:  score, order-preserving | ref of the member's entry
 *
 * A tree cell's key is its leaf's first item, so that a search by score reads no entry but where scores are equal.
 * Leaves grow and shrink with what they hold. Scores are never NaN, and -0 is 0; members with one score are in the
 * order of memcmp, then of length. Members are equal when their byte forms are; the kind of the one that
 * came first is kept.
 *
 * A set becomes large when it holds more than ZSET_SMALL_COUNT members or one longer than ZSET_SMALL_LEN, and small
 * again when it has shrunk to ZSET_SMALL_AGAIN short ones.
 *
 * Callers hold the store's lock and have checked that it is open. Flags, kinds and ownership are those of kevy.h.
 * What happens, happens whole or not at all; taking out never fails for lack of memory. Writers on a snapshot
 * answer KEVY_EREADONLY. */
#ifndef KEVY_TYPE_ZSET_H
#define KEVY_TYPE_ZSET_H

#include "collection.h"

/* Up to where a value is small; a build may have it lower, so that everything is large. */
#ifndef ZSET_SMALL_COUNT
#define ZSET_SMALL_COUNT 128
#define ZSET_SMALL_AGAIN 32
#endif
#define ZSET_SMALL_LEN 64

extern const collection_kind zset_kind;

typedef struct zset {
  keyed k;
  tree order;
} zset;

/* ---- Writing ---- */

/* flags: KEVY_NX XX GT LT CHANGED REPLACE TEXT_KEY; contradictions are KEVY_EARG. *changed (may be NULL): new members, with
 * KEVY_CHANGED those whose score changed too. KEVY_ENOTFLOAT: a score is NaN. */
kevy_status zset_add(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                     const double *scores, uint32_t flags, uint64_t *changed);

/* The quick way of adding a new member that collection_is_quick, on a store without a lock. False: nothing was done. */
bool zset_add_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double score,
                    uint64_t *changed);

/* Adds to a member's score, which begins at 0. KEVY_NX XX GT LT: KEVY_UNMET. KEVY_ENAN. */
kevy_status zset_incr(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double by,
                      uint32_t flags, double *score);

/* *removed may be NULL. KEVY_MISSING without a key. */
kevy_status zset_remove(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                        uint64_t *removed);

/* An element on its way into a new set. */
typedef struct zset_pair {
  kevy_value member; /* borrowed; each but once */
  double score;
} zset_pair;

/* Makes the n pairs the value of the key, whatever it held; its time to live goes. None: the key goes. flags:
 * KEVY_TEXT_KEY. */
kevy_status zset_store(kevy_store *s, const char *key, size_t klen, size_t n, const zset_pair *pairs, uint32_t flags);

/* ---- Questions about one member ---- */

kevy_status zset_score(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double *score);
/* The quick way, for a member that collection_is_quick, on a store without a lock; errors are noted. */
kevy_status zset_score_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double *score);
/* Where the quick ways go on: in the large set that e is the entry of, and in one that is not known for one. */
bool zset_add_member(kevy_store *s, const entry *e, const kevy_value *member, double score, uint64_t *changed);
kevy_status zset_score_member(kevy_store *s, const entry *e, const kevy_value *member, double *score);
kevy_status zset_score_small(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double *score);
kevy_status zset_count(kevy_store *s, const char *key, size_t klen, uint64_t *count);
/* flags: KEVY_REV. *score may be NULL. KEVY_MISSING without the member or the key. */
kevy_status zset_rank(kevy_store *s, const char *key, size_t klen, const kevy_value *member, uint32_t flags,
                      uint64_t *rank, double *score);

/* ---- Reading a set: good until the store is written to, or a key is read that has expired ---- */

typedef struct zset_view {
  const space *sp;
  const char *block; /* small: the packed block; NULL for a large one */
  size_t len;        /* of the block */
  const zset *large;
  uint64_t count;    /* 0 where there is no key */
} zset_view;

/* Counts a hit or a miss. KEVY_MISSING: an empty view. What has expired stays when `keep` is set: for commands
 * that look at several sets. */
kevy_status zset_view_open(kevy_store *s, const char *key, size_t klen, bool keep, zset_view *v);

/* The set in an entry of a live store or of a snapshot's table. */
zset_view zset_view_of(const space *sp, const entry *e);

/* KEVY_MISSING, KEVY_EARG. */
kevy_status zset_view_score(const zset_view *v, const kevy_value *member, double *score);
kevy_status zset_view_rank(const zset_view *v, const kevy_value *member, uint64_t *rank, double *score);

/* A place in the order, between elements: before or behind all of a score, or all members up to one (whatever their
 * scores: for sets where all are equal), or everything. */
typedef enum zset_by { ZSET_BY_END, ZSET_BY_SCORE, ZSET_BY_MEMBER, ZSET_BY_ELEMENT } zset_by;
typedef struct zset_cut {
  zset_by by;
  bool behind;    /* what is equal lies before the cut */
  uint64_t score; /* as zset_order_of has it */
  const char *ptr; /* member's byte form */
  size_t len;
  ref member; /* ELEMENT: its entry, where it has one */
  const char *base;
} zset_cut;

/* A number that orders as the score does. */
static inline uint64_t zset_order_of(double score) {
  score += 0.0; /* -0 becomes 0 */
  uint64_t bits = load64(&score);
  return bits ^ ((0 - (bits >> 63)) | UINT64_C(1) << 63);
}
static inline double zset_score_of(uint64_t order) {
  double score;
  store64(&score, order ^ (((order >> 63) - 1) | UINT64_C(1) << 63));
  return score;
}

/* How many elements lie before the cut. O(log n). */
uint64_t zset_view_before(const zset_view *v, zset_cut cut);

/* Walks k elements from a position on (all there are, where they are fewer), one a call. Members borrow from the
 * set, or from the walk until the next call. */
typedef struct zset_walk {
  const zset_view *view;
  bool backward;
  uint64_t left;
  const char *at; /* small: the next pair, backward the one before its end */
  tree_path path;
  const union zset_item *items; /* large: of the leaf at hand */
  uint32_t index, n;
  char digits[PACKED_NUMBER];
} zset_walk;
void zset_walk_begin(zset_walk *w, const zset_view *v, uint64_t position, uint64_t k, bool backward);
bool zset_walk_next(zset_walk *w, kevy_value *member, double *score);

/* ZSCAN: visits the members from *cursor on, at least count of them or all; moves *cursor, 0 at the end. A small set
 * is visited whole. */
typedef void (*zset_visit)(void *context, const kevy_value *member, double score);
void zset_scan(const zset_view *v, uint64_t *cursor, uint64_t count, zset_visit visit, void *context);

/* ---- Taking out by position ---- */

/* Finds the set for a change, as zset_view_open for reading; what is read through the view may then be taken out. */
kevy_status zset_open_write(kevy_store *s, probe *p, const char *key, size_t klen, zset_view *v);
/* Removes the elements from first to before end (at most the count). Nothing else was written since. Never fails. */
kevy_status zset_remove_range(kevy_store *s, probe *p, const zset_view *v, uint64_t first, uint64_t end);

/* Checks the invariants of this page; for tests. */
bool zset_check(const zset_view *v);

#endif
