/* tree: a counted B+tree over leaves that it does not look into: the order of sorted sets, lists and streams.
 *
 *     root -> inner node (up to TREE_WAYS cells) -> ... -> leaf
 *     cell:  child's ref | elements below | key of the first element below (two words)
 *
 * An inner node keeps its cells as arrays, one for each part, so that a position or a rank is summed from a few
 * cache lines.
 *
 * A leaf is any node (node.h) whose owner knows its format: a run of packed elements, an array of
 * refs. The tree keeps the leaves' order, counts and first keys, so a position, a rank or a key is found in
 * O(log n), and both ends in O(height). Inner nodes follow the one rule: they are owned before they are written,
 * and so are leaves. Leaves have no links to each other; a path of cells walks them.
 *
 * Invariants: all leaves at one depth; every inner node at least a third full, but those on the tree's left and right
 * edges (at least one cell); a root with one inner child gives way to it; cells in key order (where keys are used); a
 * cell's count is the sum below, and its key the first below; no leaf has count 0. Adding at either end splits off an
 * edge of one cell, so that filling in order leaves full nodes. Where a node is writable, all above it are.
 *
 * Reads work on a live tree and on a snapshot's. Owner's thread only for writes. */
#ifndef KEVY_TREE_H
#define KEVY_TREE_H

#include "node.h"

#ifndef TREE_WAYS /* tests make narrow trees, which are high */
#define TREE_WAYS 63
#endif
#define TREE_HEIGHT_MAX 12

typedef struct tree_cell {
  ref child;
  uint64_t count;
  uint64_t key[2]; /* of the first element; what the words mean is the owner's; 0 where unused */
} tree_cell;

typedef struct tree {
  ref root;        /* 0 when empty */
  uint32_t height; /* inner nodes on a path; 0 when empty */
  uint32_t reserved;
  uint64_t count;  /* elements */
  uint64_t leaves;
  uint64_t bytes;  /* of inner nodes, as handed out */
} tree;

/* From the root to a leaf: at[height - 1] is the inner node whose cell refers to the leaf. Good until the tree
 * is changed through another path. */
typedef struct tree_path {
  uint32_t height;
  struct {
    ref node;
    uint32_t index;
  } at[TREE_HEIGHT_MAX];
} tree_path;

static inline void tree_open(tree *t) { memset(t, 0, sizeof *t); }

/* ---- finding: each returns a leaf's ref and sets the path; 0 when there is none ---- */

ref tree_first(const char *base, const tree *t, tree_path *p);
ref tree_last(const char *base, const tree *t, tree_path *p);

/* The leaf with the position-th element (from 0); *offset is its index in the leaf. 0 past the end. */
ref tree_seek_position(const char *base, const tree *t, uint64_t position, tree_path *p, uint64_t *offset);

/* The same without a path, for a position that there is; the last one is found as quickly as the first. */
ref tree_leaf_at(const char *base, const tree *t, uint64_t position, uint64_t *offset);

/* Below, at or above 0 as the key of a cell is before, equal to or behind what is sought. */
typedef int (*tree_compare)(const void *sought, const uint64_t key[2]); /* inlined where it is known */

/* The last leaf whose first key is not behind what is sought (the first leaf when all are): where it is if it
 * is anywhere. O(log n) comparisons. */
ref tree_seek_key(const char *base, const tree *t, tree_compare compare, const void *sought, tree_path *p);

/* The neighbouring leaf. 0, and the path as it was, at the end. O(1) amortised; starts loading the leaf behind
 * the one it gives. */
ref tree_next(const char *base, tree_path *p);
ref tree_prev(const char *base, tree_path *p);

/* The path's cell (a copy: tree_update and tree_move write it), and how many elements lie before its leaf. */
tree_cell tree_at(const char *base, const tree_path *p);
uint64_t tree_rank(const char *base, const tree_path *p);

/* ---- changing ---- */

/* Makes every inner node of the path, and its leaf, writable, and sets the path to them. Returns the leaf; 0
 * when memory ran out, and nothing changed but that some of the nodes may be owned already. must: draw on the
 * reserve. */
ref tree_own(space *sp, tree *t, tree_path *p, bool must);

/* After the leaf of an owned path changed: delta elements more, and its first key (NULL: as before). */
void tree_update(const char *base, tree *t, const tree_path *p, int64_t delta, const uint64_t key[2]);

/* The leaf of an owned path now stands elsewhere (it was copied into a larger or smaller block). The old
 * block is the caller's. */
void tree_move(const char *base, const tree_path *p, ref leaf);

/* The same of the inner node at a level of the path (0: the root). */
void tree_move_inner(const char *base, tree *t, tree_path *p, uint32_t level, ref to);

/* Puts a new leaf behind the path's (before: in front of it), or alone into an empty tree; the path's nodes
 * need not be owned. Afterwards the path leads to the new leaf, and is owned. False when memory ran out, and
 * nothing changed that can be seen. */
bool tree_insert(space *sp, tree *t, tree_path *p, bool before, ref leaf, uint64_t count,
                 const uint64_t key[2], bool must);

/* Takes the path's leaf out and retires it. Never fails; draws on the reserve. Afterwards the path leads to
 * the next leaf, or, where there was none, to the last. */
void tree_remove(space *sp, tree *t, tree_path *p);

/* The same, but the leaf is the caller's to retire. 0: the address space is exhausted, and nothing changed. */
ref tree_take(space *sp, tree *t, tree_path *p);

/* ---- all of it ---- */

/* Retires leaves and inner nodes, at most *items of them (counted down), from the back. True when the tree is
 * empty; until then nothing else may be done with it. For a tree that nobody refers to any more; nodes that it shares
 * with one that a snapshot sees are copied before they are written. *bytes is lowered by what the leaves took. */
bool tree_drop(space *sp, tree *t, uint32_t *items, uint64_t *bytes);

/* Frees every node of the tree that was born after this epoch, leaves included; `visit`, if not NULL, sees such a leaf
 * before it goes. For a tree that a transaction made of an older one, or anew. O(nodes born since). */
typedef void (*tree_leaf_visit)(void *context, ref leaf);
void tree_abandon(space *sp, const tree *t, uint64_t epoch, tree_leaf_visit visit, void *context);

/* Checks every invariant of this page; for tests. */
bool tree_check(const char *base, const tree *t);

#endif
