/* records: a sorted set of fixed-size records in the leaves of a tree: what a stream's consumer groups remember.
 *
 *     leaf:    node | used | record | record | ...      capacity: what fits into the block
 *     record:  key (two words) | the rest
 *
 * A record_kind says how long a record is and how keys compare. Leaves start small and double up to
 * RECORDS_LEAF bytes; a full one splits, at its end when records come in order. Blocks of leaves and inner nodes are
 * counted into *bytes, so that the owner of many such sets knows what they take.
 *
 * Everything follows the one rule of node.h: reads work on a snapshot's tree, writes own their path first. Failing
 * for lack of memory changes nothing that can be seen; with `must` it does not fail. */
#ifndef KEVY_RECORDS_H
#define KEVY_RECORDS_H

#include "tree.h"

#define RECORDS_LEAF 2048

typedef struct record_kind {
  uint32_t size;        /* bytes of a record, a multiple of 8, two words at least */
  tree_compare compare; /* by the two words that records begin with */
} record_kind;

/* A place among records: a record, or behind the last of its leaf. Good until the set changes. */
typedef struct records_at {
  tree_path path;
  ref leaf;
  uint32_t index;
  bool found; /* the record that was sought is here */
} records_at;

/* Where what is sought is or would be. Returns the record when it is there, else NULL. O(log n). */
void *records_find(const char *base, const tree *t, const record_kind *kind, const void *sought, records_at *at);

/* The first record that is not before what is sought, the first and the last of all. NULL: none. */
void *records_seek(const char *base, const tree *t, const record_kind *kind, const void *sought, records_at *at);
void *records_first(const char *base, const tree *t, const record_kind *kind, records_at *at);
void *records_last(const char *base, const tree *t, const record_kind *kind, records_at *at);

/* The record behind the place. NULL: none, and the place stays. */
void *records_next(const char *base, const record_kind *kind, records_at *at);

/* The i-th record of a leaf of the tree. NULL past the last. */
const void *records_in_leaf(const char *base, ref leaf, const record_kind *kind, uint32_t i);

/* The record at the place, which is one, writable. NULL: no memory. */
void *records_own(space *sp, tree *t, const record_kind *kind, records_at *at, bool must);

/* Puts a record where records_find has just not found it. False: no memory. */
bool records_insert(space *sp, tree *t, const record_kind *kind, records_at *at, const void *record, bool must,
                    uint64_t *bytes);

/* Takes the record at the place out. Never fails. The place is no more. */
void records_remove(space *sp, tree *t, const record_kind *kind, records_at *at, uint64_t *bytes);

/* A copy for another owner. False: no memory, and *to is what has been copied (records_drop). */
bool records_clone(space *sp, const tree *from, tree *to, const record_kind *kind, uint64_t *bytes);

/* Takes leaves out, at most *items (counted down), from the back. True when none is left. Snapshots may see the set. */
bool records_drop(space *sp, tree *t, uint32_t *items, uint64_t *bytes);

#endif
