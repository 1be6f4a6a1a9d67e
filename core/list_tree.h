/* list_tree: a large list: a counted tree of leaves.
 *
 *     leaf:  node | start, len | uniform | free | count | element | element | ... | free
 *
 * A leaf is a packed block (packed.h) with free bytes on both sides, so that both ends of a list move in O(1); it
 * grows by size classes to LIST_LEAF bytes. An element longer than LIST_ALONE stands in a leaf of its own, of
 * just its size, which is replaced and never copied. A full leaf that two others follow to its end, and whose
 * elements are all strings of one length and kind, gives up their heads (`uniform`); who changes it writes
 * them anew.
 *
 * Invariants: what tree.h says; no leaf without elements; a leaf's count is its cell's. What adds happens whole or
 * not at all and says NULL or false where memory is short; what only takes away never fails for lack of it.
 * Called by type_list, with the lock held. */
#ifndef KEVY_LIST_TREE_H
#define KEVY_LIST_TREE_H

#include "blob.h"
#include "collection.h"
#include "number.h"

typedef struct list_value {
  collection c;
  tree order;
} list_value;

typedef struct list_leaf {
  node head;
  uint32_t start;   /* of the packed block, from the leaf's first byte */
  uint32_t len;     /* of the packed block */
  uint32_t uniform; /* 0, or LIST_UNIFORM and the head that every element would have; they stand without it then */
  uint32_t unused;
} list_leaf;

/* Up to where a value is small; a build may have it lower, so that everything is large. */
#ifndef LIST_SMALL
#define LIST_SMALL 2048             /* bytes of the longest packed block in an entry */
#endif
#define LIST_LEAF 8192              /* bytes of the largest leaf of several elements */
#define LIST_ALONE BLOB_THRESHOLD   /* longer elements stand alone */

#define LIST_HEAD ((uint32_t)sizeof(list_leaf))
#define LIST_UNIFORM 0x100u
#define LIST_FIRST 1024 /* bytes of a new leaf at an end */
#define LIST_SPARSE (LIST_LEAF / 4)

/* Of an element that has a leaf of its own: more than the longest other one takes. */
#define LIST_ALONE_SIZE (1 + 2 + LIST_ALONE + 2)

static_assert(LIST_HEAD + PACKED_HEAD + LIST_SMALL < LIST_LEAF / 8 * 7, "a small value is one leaf");

static inline list_leaf *list_at(const char *base, ref r) { return mem_ptr(base, r); }
static inline char *list_block(const list_leaf *leaf) { return (char *)(uintptr_t)leaf + leaf->start; }
static inline uint32_t list_count(const list_leaf *leaf) { return packed_count(list_block(leaf)); }
static inline uint32_t list_width(uint32_t uniform) { return uniform & 63; }
static inline ref list_ref(const space *sp, const list_leaf *leaf) {
  return (ref)((const char *)leaf - sp->mem.base);
}
static inline bool list_is_alone(const list_leaf *leaf) {
  return UNLIKELY(leaf->len > PACKED_HEAD + LIST_ALONE_SIZE) && list_count(leaf) == 1;
}

/* ---- Elements of either form ------------------------------------------------------------------------------ */

static inline const char *list_after(uint32_t uniform, const char *at) {
  return UNLIKELY(uniform) ? at + list_width(uniform) : packed_next(at);
}
static inline const char *list_before(uint32_t uniform, const char *at) {
  return UNLIKELY(uniform) ? at - list_width(uniform) : packed_prev(at);
}

/* The leaf's element at an index, which may be just behind the last. */
static inline const char *list_seek(const list_leaf *leaf, uint32_t index) {
  const char *block = list_block(leaf);
  if (UNLIKELY(leaf->uniform)) return packed_first(block) + index * list_width(leaf->uniform);
  return packed_seek(block, leaf->len, index);
}

/* Strings are lent from where they stand. */
static inline void list_get(uint32_t uniform, const char *at, kevy_value *out, char digits[PACKED_NUMBER]) {
  if (LIKELY(!uniform)) {
    packed_get(at, out, digits);
    return;
  }
  *out = (kevy_value){uniform >> 6 & 1, 0, list_width(uniform), {.ptr = at}};
}

/* What is looked for, whatever its kind, and whether an element is it. */
packed_key list_key_of(const kevy_value *v, char digits[NUMBER_FLOAT_MAX]);
bool list_is(uint32_t uniform, const char *at, const packed_key *key);

/* ---- One leaf: where a path leads ----------------------------------------------------------------------------- */

list_leaf *list_leaf_resize(space *sp, list_value *l, const tree_path *p, list_leaf *old, size_t size, bool right,
                            bool must);
list_leaf *list_leaf_spread(space *sp, list_value *l, const tree_path *p, list_leaf *old, bool must);
list_leaf *list_leaf_make_room(space *sp, list_value *l, const tree_path *p, list_leaf *leaf, size_t extra, bool front);

/* The path's leaf, writable and packed. NULL: no memory, and nothing changed that can be seen. */
static FLAT list_leaf *list_leaf_open(space *sp, list_value *l, tree_path *p, bool must) {
  ref r = tree_own(sp, &l->order, p, must);
  if (UNLIKELY(r == 0)) return NULL;
  list_leaf *leaf = list_at(sp->mem.base, r);
  return UNLIKELY(leaf->uniform) ? list_leaf_spread(sp, l, p, leaf, must) : leaf;
}

/* Bytes that can be added at one side without moving anything. */
static FLAT uint32_t list_side(const list_leaf *leaf, bool front) {
  return front ? leaf->start - LIST_HEAD : leaf->head.size - leaf->start - leaf->len;
}

/* Whether list_leaf_room can make so much room. A full leaf is slid only where that lasts a while. */
static FLAT bool list_fits(const list_leaf *leaf, size_t extra, bool front) {
  if (UNLIKELY(leaf->uniform || extra > LIST_LEAF || leaf->len > LIST_LEAF || list_is_alone(leaf))) return false;
  size_t need = LIST_HEAD + leaf->len + extra;
  if (need > LIST_LEAF) return false;
  return list_side(leaf, front) >= extra || leaf->head.size < LIST_LEAF || need <= LIST_LEAF / 8 * 7;
}

/* The open leaf with so much room at one side, where it fits. NULL: no memory. */
static FLAT list_leaf *list_leaf_room(space *sp, list_value *l, const tree_path *p, list_leaf *leaf, size_t extra, bool front) {
  if (LIKELY(list_side(leaf, front) >= extra)) return leaf;
  return list_leaf_make_room(sp, l, p, leaf, extra, front);
}

/* A leaf that has become sparse gives memory back, where a smaller block is to be had. */
static FLAT void list_leaf_shrink(space *sp, list_value *l, const tree_path *p, list_leaf *leaf, bool right) {
  if (LIKELY(leaf->len >= leaf->head.size / 4) || leaf->head.size <= LIST_FIRST) return;
  (void)list_leaf_resize(sp, l, p, leaf, LIST_HEAD + 2 * leaf->len, right, false);
}

/* Replaces elements by others, whose bytes are `extra` more; where that is above 0, it fits (list_fits). */
bool list_splice_leaf(space *sp, list_value *l, tree_path *p, uint32_t index, uint32_t removed, const kevy_value *items,
                      size_t k, int64_t extra);

/* One element of a uniform leaf in place of another; false where it is not of their form. */
bool list_set_uniform(space *sp, list_value *l, tree_path *p, uint32_t index, const packed_plan *plan);

/* Takes the leaf out of the list. */
void list_remove_leaf(space *sp, list_value *l, tree_path *p);

/* ---- Positions ------------------------------------------------------------------------------------------------- */

/* Adds items at a position, or at the front, each before the one added last. */
bool list_add(space *sp, list_value *l, uint64_t position, const kevy_value *items, size_t k);
bool list_add_front(space *sp, list_value *l, const kevy_value *items, size_t k);

void list_erase(space *sp, list_value *l, uint64_t position, uint64_t n);

/* After elements went away at a position: joins the leaf there with a neighbour. */
void list_join(space *sp, list_value *l, uint64_t position);

/* ---- Whole values -------------------------------------------------------------------------------------------- */

extern const collection_kind list_kind;

list_value *list_new(space *sp);

/* A large list of the elements of a packed block. */
list_value *list_from_block(space *sp, const char *block, size_t len);

/* Gets rid of a list that nothing refers to yet. */
void list_discard(space *sp, list_value *l);

/* For tests: whether the invariants hold. O(elements). */
bool list_tree_check(const char *base, const list_value *l);

#endif
