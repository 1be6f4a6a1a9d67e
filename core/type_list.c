/* type_list: see type_list.h. */
#include "type_list.h"

#include <math.h>
#include <stdlib.h>

#include "hashing.h"
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

#define LIST_HEAD ((uint32_t)sizeof(list_leaf))
#define LIST_UNIFORM 0x100u
#define LIST_UNIFORM_LEAST 16 /* elements that make it worth while */
#define LIST_FIRST 1024       /* bytes of a new leaf at an end */
#define LIST_SPARSE (LIST_LEAF / 4)
#define LIST_JOINED (LIST_LEAF / 4 * 3) /* neighbours become one when it needs no more than this */
#define LIST_FEW (LIST_SMALL / 4)       /* a value that has shrunk to so many bytes is packed again */

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

static const char *list_seek(const list_leaf *leaf, uint32_t index) {
  const char *block = list_block(leaf);
  if (UNLIKELY(leaf->uniform)) return packed_first(block) + index * list_width(leaf->uniform);
  return packed_seek(block, leaf->len, index);
}

static void list_get(uint32_t uniform, const char *at, kevy_value *out, char digits[PACKED_NUMBER]) {
  if (LIKELY(!uniform)) {
    packed_get(at, out, digits);
    return;
  }
  *out = (kevy_value){uniform >> 6 & 1, 0, list_width(uniform), {.ptr = at}};
}

/* A float's byte form is its digits, as any value's. */
static COLD bool list_float_is(const char *at, const packed_key *key) {
  kevy_value v;
  char digits[NUMBER_FLOAT_MAX];
  packed_get(at, &v, digits);
  if (v.kind != KEVY_FLOAT) return false;
  size_t len = number_format_float(v.as.d, digits);
  return len == key->len && memcmp(digits, key->ptr, len) == 0;
}

static bool list_is(uint32_t uniform, const char *at, const packed_key *key) {
  if (UNLIKELY(uniform))
    return !key->is_int && key->len == list_width(uniform) && bytes_equal(at, key->ptr, key->len);
  return packed_is(at, key) || (UNLIKELY(packed_is_float(at)) && list_float_is(at, key));
}

static_assert(NUMBER_FLOAT_MAX >= PACKED_NUMBER, "digits of any number");

/* What is looked for, whatever its kind. */
static packed_key list_key_of(const kevy_value *v, char digits[NUMBER_FLOAT_MAX]) {
  kevy_value bytes = number_byte_form(v, digits);
  return packed_key_of(&bytes, NULL);
}

/* ---- Leaves ----------------------------------------------------------------------------------------------- */

static list_leaf *list_leaf_new(space *sp, list_value *l, size_t size, bool must) {
  ref r = node_new(sp, (uint32_t)mem_round(size), must);
  if (UNLIKELY(r == 0)) return NULL;
  list_leaf *leaf = list_at(sp->mem.base, r);
  leaf->start = LIST_HEAD;
  leaf->len = PACKED_HEAD;
  leaf->uniform = 0;
  leaf->unused = 0;
  l->c.bytes += leaf->head.size;
  return leaf;
}

static void list_leaf_retire(space *sp, list_value *l, list_leaf *leaf) {
  l->c.bytes -= leaf->head.size;
  node_retire(sp, list_ref(sp, leaf));
}

/* Puts another leaf of the same elements where the path leads. */
static list_leaf *list_leaf_replace(space *sp, list_value *l, const tree_path *p, list_leaf *old, list_leaf *leaf) {
  sp->work_bytes += leaf->len;
  tree_move(sp->mem.base, p, list_ref(sp, leaf));
  list_leaf_retire(sp, l, old);
  return leaf;
}

/* The leaf in a block of another size, its elements at the left or at the right end. NULL: no memory. */
static COLD list_leaf *list_leaf_resize(space *sp, list_value *l, const tree_path *p, list_leaf *old, size_t size, bool right,
                                   bool must) {
  list_leaf *leaf = list_leaf_new(sp, l, size, must);
  if (leaf == NULL) return NULL;
  leaf->len = old->len;
  if (right) leaf->start = leaf->head.size - leaf->len;
  memcpy(list_block(leaf), list_block(old), old->len);
  return list_leaf_replace(sp, l, p, old, leaf);
}

/* A uniform leaf with its elements' heads written anew. */
static COLD list_leaf *list_leaf_spread(space *sp, list_value *l, const tree_path *p, list_leaf *old, bool must) {
  uint32_t count = list_count(old), width = list_width(old->uniform);
  list_leaf *leaf = list_leaf_new(sp, l, LIST_HEAD + PACKED_HEAD + (size_t)count * (width + 2), must);
  if (leaf == NULL) return NULL;
  packed_plan plan = {NULL, width, 0, 0, (uint8_t)old->uniform, width + 2};
  const char *from = packed_first(list_block(old));
  char *to = list_block(leaf) + PACKED_HEAD;
  for (uint32_t i = 0; i < count; i++, from += width) {
    plan.ptr = from;
    to = packed_write(to, &plan);
  }
  leaf->len = (uint32_t)(to - list_block(leaf));
  packed_set_count(list_block(leaf), count);
  return list_leaf_replace(sp, l, p, old, leaf);
}

/* Whether all elements are strings of one length and kind, and few enough bytes without their heads to take
 * less memory. */
static bool list_leaf_is_regular(const list_leaf *leaf) {
  const char *at = packed_first(list_block(leaf));
  uint32_t count = list_count(leaf), head = (uint8_t)*at, width = head & 63;
  if (leaf->uniform || count < LIST_UNIFORM_LEAST || head >= 0x80 || width == 0 ||
      leaf->len != PACKED_HEAD + count * (width + 2) ||
      mem_round(LIST_HEAD + PACKED_HEAD + count * width) >= leaf->head.size)
    return false;
  for (uint32_t i = 0; i < count; i++)
    if ((uint8_t)at[i * (width + 2)] != head) return false;
  return true;
}

/* Makes the path's leaf uniform, when it is regular, and no copy has to be made for a snapshot's sake. */
static void list_leaf_press(space *sp, list_value *l, const tree_path *p, list_leaf *old) {
  if (!node_writable(sp, &old->head) || !list_leaf_is_regular(old)) return;
  const char *from = packed_first(list_block(old));
  uint32_t count = list_count(old), head = (uint8_t)*from, width = head & 63;
  list_leaf *leaf = list_leaf_new(sp, l, LIST_HEAD + PACKED_HEAD + (size_t)count * width, false);
  if (leaf == NULL) return;
  leaf->uniform = LIST_UNIFORM | head;
  leaf->len = PACKED_HEAD + count * width;
  packed_set_count(list_block(leaf), count);
  char *to = list_block(leaf) + PACKED_HEAD;
  for (uint32_t i = 0; i < count; i++, to += width, from += width + 2) bytes_move(to, from + 1, width);
  list_leaf_replace(sp, l, p, old, leaf);
}

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

/* The size of a leaf that needs so much and may grow. */
static size_t list_roomy(size_t need) {
  size_t size = need + need / 4;
  return size < LIST_LEAF ? size : LIST_LEAF;
}

static COLD list_leaf *list_leaf_make_room(space *sp, list_value *l, const tree_path *p, list_leaf *leaf, size_t extra,
                                           bool front) {
  size_t need = LIST_HEAD + leaf->len + extra;
  if (need > leaf->head.size / 4 * 3 && leaf->head.size < LIST_LEAF)
    return list_leaf_resize(sp, l, p, leaf, list_roomy(need), front, false);
  char *block = list_block(leaf);
  leaf->start = front ? leaf->head.size - leaf->len : LIST_HEAD;
  memmove(list_block(leaf), block, leaf->len);
  sp->work_bytes += leaf->len;
  return leaf;
}

/* The open leaf with so much room at one side, where it fits. NULL: no memory. */
static FLAT list_leaf *list_leaf_room(space *sp, list_value *l, const tree_path *p, list_leaf *leaf, size_t extra, bool front) {
  if (LIKELY(list_side(leaf, front) >= extra)) return leaf;
  return list_leaf_make_room(sp, l, p, leaf, extra, front);
}

/* ---- Adding ------------------------------------------------------------------------------------------------ */

static const uint64_t list_no_key[2] = {0, 0};

static FLAT void list_put_front(list_leaf *leaf, const packed_plan *plan) {
  uint32_t count = list_count(leaf);
  leaf->start -= (uint32_t)plan->size;
  leaf->len += (uint32_t)plan->size;
  char *block = list_block(leaf);
  packed_write(block + PACKED_HEAD, plan);
  packed_set_count(block, count + 1);
}

static FLAT void list_put_back(list_leaf *leaf, const packed_plan *plan) {
  char *block = list_block(leaf);
  packed_write(block + leaf->len, plan);
  leaf->len += (uint32_t)plan->size;
  packed_set_count(block, packed_count(block) + 1);
}

/* The leaf that a new one leaves behind it is full; the one behind that is at no end any more. */
static void list_press_behind(space *sp, list_value *l, const tree_path *p, bool front) {
  const char *base = sp->mem.base;
  tree_path behind = *p;
  for (int i = 0; i < 2; i++)
    if ((front ? tree_next(base, &behind) : tree_prev(base, &behind)) == 0) return;
  list_leaf_press(sp, l, &behind, list_at(base, tree_at(base, &behind).child));
}

/* Puts a leaf of this one element behind the path's, or (front) before it. The path leads there afterwards. */
static COLD bool list_add_leaf(space *sp, list_value *l, tree_path *p, bool front, const packed_plan *plan, bool edge) {
  size_t size = LIST_HEAD + PACKED_HEAD + plan->size;
  if (edge && size < LIST_FIRST) size = LIST_FIRST;
  list_leaf *leaf = list_leaf_new(sp, l, size, false);
  if (leaf == NULL) return false;
  if (front) leaf->start = leaf->head.size - PACKED_HEAD;
  packed_clear(list_block(leaf));
  if (front) list_put_front(leaf, plan);
  else list_put_back(leaf, plan);
  if (!tree_insert(sp, &l->order, p, front, list_ref(sp, leaf), 1, list_no_key, false)) {
    list_leaf_retire(sp, l, leaf);
    return false;
  }
  if (edge) list_press_behind(sp, l, p, front);
  return true;
}

/* Adds at an end: the hot way. False: no memory. */
static FLAT bool list_add_end(space *sp, list_value *l, bool front, const packed_plan *plan) {
  const char *base = sp->mem.base;
  tree_path p;
  ref r = front ? tree_first(base, &l->order, &p) : tree_last(base, &l->order, &p);
  if (UNLIKELY(r == 0) || UNLIKELY(plan->size > LIST_ALONE_SIZE) ||
      UNLIKELY(!list_fits(list_at(base, r), plan->size, front)))
    return list_add_leaf(sp, l, &p, front, plan, plan->size <= LIST_ALONE_SIZE);
  list_leaf *leaf = list_leaf_open(sp, l, &p, false);
  if (UNLIKELY(leaf == NULL)) return false;
  leaf = list_leaf_room(sp, l, &p, leaf, plan->size, front);
  if (UNLIKELY(leaf == NULL)) return false;
  if (front) list_put_front(leaf, plan);
  else list_put_back(leaf, plan);
  tree_update(base, &l->order, &p, 1, NULL);
  return true;
}

/* Gives the path's leaf's elements from index on to a new leaf behind it. False: no memory. */
static bool list_split(space *sp, list_value *l, tree_path *p, uint32_t index) {
  list_leaf *leaf = list_leaf_open(sp, l, p, false);
  if (leaf == NULL) return false;
  char *block = list_block(leaf);
  uint32_t count = packed_count(block);
  size_t cut = (size_t)(packed_seek(block, leaf->len, index) - block), rest = leaf->len - cut;
  list_leaf *behind = list_leaf_new(sp, l, list_roomy(LIST_HEAD + PACKED_HEAD + rest), false);
  if (behind == NULL) return false;
  packed_set_count(list_block(behind), count - index);
  memcpy(list_block(behind) + PACKED_HEAD, block + cut, rest);
  behind->len = (uint32_t)(PACKED_HEAD + rest);
  sp->work_bytes += rest;
  tree_path q = *p;
  if (!tree_insert(sp, &l->order, &q, false, list_ref(sp, behind), count - index, list_no_key, false)) {
    list_leaf_retire(sp, l, behind);
    return false;
  }
  tree_prev(sp->mem.base, &q);
  leaf->len = (uint32_t)cut;
  packed_set_count(block, index);
  tree_update(sp->mem.base, &l->order, &q, -(int64_t)(count - index), NULL);
  if (list_roomy(LIST_HEAD + cut) < leaf->head.size / 8 * 7)
    (void)list_leaf_resize(sp, l, &q, leaf, list_roomy(LIST_HEAD + cut), false, false); /* where memory allows */
  return true;
}

/* The first element of a leaf's second half, in bytes: at least 1, less than the count. */
static uint32_t list_middle(const list_leaf *leaf) {
  uint32_t count = list_count(leaf), index = 1;
  if (leaf->uniform) return count / 2;
  const char *block = list_block(leaf), *at = packed_next(packed_first(block));
  while (index < count - 1 && at < block + leaf->len / 2) {
    at = packed_next(at);
    index++;
  }
  return index;
}

/* How many of the items can be added to the leaf at once, and their bytes. */
static size_t list_run(const list_leaf *leaf, const kevy_value *items, size_t k, bool front, size_t *size) {
  size_t n = 0;
  *size = 0;
  for (; n < k; n++) {
    size_t one = packed_size(&items[n]);
    if (one > LIST_ALONE_SIZE || !list_fits(leaf, *size + one, front)) break;
    *size += one;
  }
  return n;
}

/* Replaces elements within the path's leaf, whose size changes by `extra`; where that is more, it fits. */
static bool list_splice_leaf(space *sp, list_value *l, tree_path *p, uint32_t index, uint32_t removed,
                             const kevy_value *items, size_t k, int64_t extra) {
  list_leaf *leaf = list_leaf_open(sp, l, p, false);
  if (leaf == NULL) return false;
  bool front = index == 0 && removed == 0;
  if (extra > 0) leaf = list_leaf_room(sp, l, p, leaf, (size_t)extra, front);
  if (leaf == NULL) return false;
  char *block = list_block(leaf);
  if (front) {
    uint32_t count = packed_count(block);
    leaf->start -= (uint32_t)extra;
    leaf->len += (uint32_t)extra;
    block = list_block(leaf);
    packed_set_count(block, 0);
    packed_append(block, PACKED_HEAD, items, k);
    packed_set_count(block, count + (uint32_t)k);
  } else {
    const char *at = packed_seek(block, leaf->len, index);
    if (extra != 0) sp->work_bytes += (size_t)(block + leaf->len - at);
    leaf->len = (uint32_t)packed_splice(block, leaf->len, at, removed, items, k);
  }
  tree_update(sp->mem.base, &l->order, p, (int64_t)k - removed, NULL);
  return true;
}

/* The leaf for what is added at a position, and where in it: of two that meet there, the one with room. */
static list_leaf *list_place(const char *base, const list_value *l, uint64_t position, size_t size, tree_path *p,
                             uint32_t *index) {
  uint64_t offset = 0;
  if (position >= l->order.count) {
    list_leaf *leaf = list_at(base, tree_last(base, &l->order, p));
    *index = list_count(leaf);
    return leaf;
  }
  list_leaf *leaf = list_at(base, tree_seek_position(base, &l->order, position, p, &offset));
  *index = (uint32_t)offset;
  if (offset != 0 || position == 0) return leaf;
  tree_path q = *p;
  list_leaf *before = list_at(base, tree_prev(base, &q));
  if (!list_fits(before, size, false)) return leaf;
  *p = q;
  *index = list_count(before);
  return before;
}

/* Adds the first of k items, and as many more as come cheap, at a position. How many; 0: no memory. */
static size_t list_add_some(space *sp, list_value *l, uint64_t position, const kevy_value *items, size_t k) {
  packed_plan plan = packed_plan_of(items);
  bool alone = plan.size > LIST_ALONE_SIZE;
  if (l->order.count == 0) return list_add_end(sp, l, false, &plan);
  for (;;) {
    tree_path p;
    uint32_t index;
    list_leaf *leaf = list_place(sp->mem.base, l, position, plan.size, &p, &index);
    uint32_t count = list_count(leaf);
    if (!alone && list_fits(leaf, plan.size, index == 0)) {
      size_t size, n = list_run(leaf, items, k, index == 0, &size);
      return list_splice_leaf(sp, l, &p, index, 0, items, n, (int64_t)size) ? n : 0;
    }
    if (index == 0 || index == count)
      return list_add_leaf(sp, l, &p, index == 0, &plan, !alone && (position == 0 || position == l->order.count));
    if (!list_split(sp, l, &p, alone ? index : list_middle(leaf))) return 0;
  }
}

/* ---- Taking away --------------------------------------------------------------------------------------------- */

static void list_remove_leaf(space *sp, list_value *l, tree_path *p) {
  ref gone = tree_take(sp, &l->order, p);
  if (gone != 0) list_leaf_retire(sp, l, list_at(sp->mem.base, gone));
}

/* A leaf that has become sparse gives memory back, where a smaller block is to be had. */
static FLAT void list_leaf_shrink(space *sp, list_value *l, const tree_path *p, list_leaf *leaf, bool right) {
  if (LIKELY(leaf->len >= leaf->head.size / 4) || leaf->head.size <= LIST_FIRST) return;
  (void)list_leaf_resize(sp, l, p, leaf, LIST_HEAD + 2 * leaf->len, right, false);
}

/* Takes n elements, not all, out of the path's leaf. False: the address space is exhausted. */
static bool list_cut(space *sp, list_value *l, tree_path *p, uint32_t index, uint32_t n) {
  list_leaf *leaf = list_leaf_open(sp, l, p, true);
  if (leaf == NULL) return false;
  char *block = list_block(leaf);
  uint32_t count = packed_count(block);
  if (index == 0) {
    uint32_t size = (uint32_t)packed_span(packed_first(block), n);
    leaf->start += size;
    leaf->len -= size;
    packed_set_count(list_block(leaf), count - n);
  } else {
    leaf->len = (uint32_t)packed_splice(block, leaf->len, packed_seek(block, leaf->len, index), n, NULL, 0);
  }
  tree_update(sp->mem.base, &l->order, p, -(int64_t)n, NULL);
  list_leaf_shrink(sp, l, p, leaf, index == 0);
  return true;
}

/* Makes the path's leaf and the one behind it one, when they are short and memory allows. */
static bool list_join_next(space *sp, list_value *l, tree_path *p) {
  const char *base = sp->mem.base;
  tree_path q = *p;
  list_leaf *left = list_at(base, tree_at(base, p).child);
  ref r = tree_next(base, &q);
  if (r == 0) return false;
  list_leaf *right = list_at(base, r);
  if ((size_t)left->len + right->len > LIST_JOINED || list_is_alone(left) || list_is_alone(right) || left->uniform ||
      right->uniform)
    return false;
  uint32_t extra = right->len - PACKED_HEAD, count = list_count(right);
  left = list_leaf_open(sp, l, p, false);
  if (left != NULL) left = list_leaf_room(sp, l, p, left, extra, false);
  if (left == NULL) return false;
  char *block = list_block(left);
  memcpy(block + left->len, list_block(right) + PACKED_HEAD, extra);
  left->len += extra;
  packed_set_count(block, packed_count(block) + count);
  sp->work_bytes += extra;
  tree_update(base, &l->order, p, count, NULL);
  tree_next(base, p);
  list_remove_leaf(sp, l, p);
  return true;
}

/* After elements went away at a position: joins the leaf there with a neighbour. */
static void list_join(space *sp, list_value *l, uint64_t position) {
  const char *base = sp->mem.base;
  tree_path p, q;
  uint64_t offset = 0;
  if (l->order.leaves < 2) return;
  if (position >= l->order.count) position = l->order.count - 1;
  tree_seek_position(base, &l->order, position, &p, &offset);
  q = p;
  if (tree_prev(base, &q) != 0 && list_join_next(sp, l, &q)) return;
  list_join_next(sp, l, &p);
}

static void list_erase(space *sp, list_value *l, uint64_t position, uint64_t n) {
  while (n > 0) {
    tree_path p;
    uint64_t offset = 0;
    ref r = tree_seek_position(sp->mem.base, &l->order, position, &p, &offset);
    if (r == 0) break;
    uint32_t count = list_count(list_at(sp->mem.base, r)), rest = count - (uint32_t)offset;
    uint32_t here = n < rest ? (uint32_t)n : rest;
    if (here == count) list_remove_leaf(sp, l, &p);
    else if (!list_cut(sp, l, &p, (uint32_t)offset, here)) return;
    n -= here;
  }
  list_join(sp, l, position);
}

/* ---- Whole values -------------------------------------------------------------------------------------------- */

static list_value *list_new(space *sp) {
  ref r = collection_new(sp, sizeof(list_value), KEVY_TYPE_LIST);
  return r != 0 ? mem_ptr(sp->mem.base, r) : NULL;
}

/* Gets rid of a list that nothing refers to yet. */
static void list_discard(space *sp, list_value *l) {
  uint32_t all = UINT32_MAX;
  tree_drop(sp, &l->order, &all);
  mem_free(&sp->mem, (ref)((char *)l - sp->mem.base), sizeof *l);
}

static bool list_drop(space *sp, collection *c, uint32_t *items) {
  return tree_drop(sp, &((list_value *)c)->order, items);
}

/* Adds a copy of a leaf at the end. */
static bool list_clone_leaf(space *sp, list_value *l, const list_leaf *from) {
  list_leaf *leaf = list_leaf_new(sp, l, LIST_HEAD + from->len, false);
  if (leaf == NULL) return false;
  leaf->len = from->len;
  leaf->uniform = from->uniform;
  memcpy(list_block(leaf), list_block(from), from->len);
  tree_path p;
  tree_last(sp->mem.base, &l->order, &p);
  if (tree_insert(sp, &l->order, &p, false, list_ref(sp, leaf), list_count(from), list_no_key, false)) return true;
  list_leaf_retire(sp, l, leaf);
  return false;
}

static ref list_clone(kevy_store *s, const collection *c) {
  const list_value *from = (const list_value *)c;
  list_value *l = list_new(s->sp);
  if (l == NULL) return 0;
  tree_path p;
  for (ref r = tree_first(s->base, &from->order, &p); r != 0; r = tree_next(s->base, &p))
    if (!list_clone_leaf(s->sp, l, list_at(s->base, r))) {
      list_discard(s->sp, l);
      return 0;
    }
  return (ref)((char *)l - s->base);
}

static uint64_t list_bytes(const collection *c) { return ((const list_value *)c)->order.bytes; }

static void list_abandon(space *sp, collection *c, collection *before, uint64_t epoch) {
  (void)before;
  tree_abandon(sp, &((list_value *)c)->order, epoch, NULL, NULL);
}

const collection_kind list_kind = {list_drop, list_clone, list_bytes, list_abandon, NULL, NULL};

/* A large list of the elements of a block. NULL: no memory. */
static list_value *list_from_block(space *sp, const char *block, size_t len) {
  list_value *l = list_new(sp);
  if (l == NULL || packed_count(block) == 0) return l;
  list_leaf *leaf = list_leaf_new(sp, l, LIST_HEAD + len, false);
  tree_path p;
  if (leaf != NULL) {
    leaf->len = (uint32_t)len;
    memcpy(list_block(leaf), block, len);
    sp->work_bytes += len;
    if (tree_insert(sp, &l->order, &p, false, list_ref(sp, leaf), packed_count(block), list_no_key, false)) return l;
    list_leaf_retire(sp, l, leaf);
  }
  list_discard(sp, l);
  return NULL;
}

/* Adds items at a position, all or none. False: no memory. */
static bool list_add(space *sp, list_value *l, uint64_t position, const kevy_value *items, size_t k) {
  for (size_t done = 0; done < k;) {
    size_t n;
    if (LIKELY(position + done == l->order.count)) {
      packed_plan plan = packed_plan_of(&items[done]);
      n = list_add_end(sp, l, false, &plan);
    } else {
      n = list_add_some(sp, l, position + done, items + done, k - done);
    }
    if (UNLIKELY(n == 0)) {
      list_erase(sp, l, position, done);
      return false;
    }
    done += n;
  }
  return true;
}

/* The same at the front, each before the one added last. */
static bool list_add_front(space *sp, list_value *l, const kevy_value *items, size_t k) {
  for (size_t done = 0; done < k; done++) {
    packed_plan plan = packed_plan_of(&items[done]);
    if (LIKELY(list_add_end(sp, l, true, &plan))) continue;
    list_erase(sp, l, 0, done);
    return false;
  }
  return true;
}

/* ---- Values given -------------------------------------------------------------------------------------------- */

static FLAT kevy_status list_check_items(const kevy_value *items, size_t k) {
  for (size_t i = 0; i < k; i++) {
    const kevy_value *v = &items[i];
    if (v->kind <= KEVY_TEXT) {
      if (UNLIKELY(v->len > KEVY_MAX_LEN)) return KEVY_ETOOBIG;
    } else if (v->kind > KEVY_FLOAT || (v->kind == KEVY_FLOAT && isnan(v->as.d))) {
      return KEVY_EARG;
    }
  }
  return KEVY_OK;
}

/* Items that lie in the store's own memory, where what is changed may move: short ones, lent by an earlier call.
 * Longer ones stand alone, or in blobs. */
static FLAT bool list_borrows(const kevy_store *s, const kevy_value *v) {
  return v->kind <= KEVY_TEXT && (uintptr_t)(v->as.ptr - s->base) < s->sp->mem.mapped && v->len <= LIST_ALONE;
}

typedef struct list_items {
  const kevy_value *at;
  void *own; /* copies, where some had to be made */
} list_items;

static COLD bool list_copy_items(const kevy_store *s, list_items *items, size_t k) {
  size_t bytes = 0;
  for (size_t i = 0; i < k; i++)
    if (list_borrows(s, &items->at[i])) bytes += items->at[i].len;
  kevy_value *copy = malloc(k * sizeof *copy + bytes);
  if (copy == NULL) return false;
  char *to = (char *)(copy + k);
  for (size_t i = 0; i < k; i++) {
    copy[i] = items->at[i];
    if (!list_borrows(s, &copy[i])) continue;
    memcpy(to, copy[i].as.ptr, copy[i].len);
    copy[i].as.ptr = to;
    to += copy[i].len;
  }
  items->at = items->own = copy;
  return true;
}

/* Checks the items and makes them safe to hold while the store changes; list_items_close afterwards. */
static FLAT kevy_status list_items_open(const kevy_store *s, list_items *items, const kevy_value *at, size_t k) {
  *items = (list_items){at, NULL};
  kevy_status status = list_check_items(at, k);
  if (status != KEVY_OK) return status;
  for (size_t i = 0; i < k; i++)
    if (UNLIKELY(list_borrows(s, &at[i]))) return list_copy_items(s, items, k) ? KEVY_OK : KEVY_EOOM;
  return KEVY_OK;
}

static FLAT void list_items_close(list_items *items) {
  if (UNLIKELY(items->own != NULL)) free(items->own);
}

/* ---- Small values -------------------------------------------------------------------------------------------- */

/* Bytes of a small value in an edit. */
typedef struct list_room {
  char bytes[LIST_SMALL];
} list_room;

/* A small value's length with k items more and some bytes less; 0 when it would be no small one. */
static FLAT size_t list_small_size(size_t len, const kevy_value *items, size_t k, size_t less) {
  len -= less;
  for (size_t i = 0; i < k; i++) {
    size_t size = packed_size(&items[i]);
    if (size > LIST_SMALL - len) return 0;
    len += size;
  }
  return len;
}

/* Items given to LPUSH are added one before the other. */
static size_t list_splice_front(char *block, size_t len, const kevy_value *items, size_t k) {
  for (size_t i = 0; i < k; i++) len = packed_splice(block, len, packed_first(block), 0, &items[i], 1);
  return len;
}

typedef struct list_edit {
  uint64_t position, removed; /* of and from the present length */
  const kevy_value *items;
  size_t k;
  bool front; /* each item before the one added last */
} list_edit;

static size_t list_edit_block(char *block, size_t len, const list_edit *e) {
  if (e->front) return list_splice_front(block, len, e->items, e->k);
  const char *at = packed_seek(block, len, (uint32_t)e->position);
  return packed_splice(block, len, at, (uint32_t)e->removed, e->items, e->k);
}

static bool list_edit_tree(space *sp, list_value *l, const list_edit *e) {
  return e->front ? list_add_front(sp, l, e->items, e->k) : list_add(sp, l, e->position, e->items, e->k);
}

/* A small or absent value becomes a large one, with the edit done. */
static kevy_status list_promote(kevy_store *s, probe *p, const char *block, size_t len, const list_edit *e,
                                uint32_t flags) {
  list_value *l = list_from_block(s->sp, block, len);
  if (l == NULL) return KEVY_EOOM;
  kevy_status status = KEVY_EOOM;
  if (list_edit_tree(s->sp, l, e)) {
    list_erase(s->sp, l, e->position + e->k, e->removed);
    status = collection_put(s, p, (ref)((char *)l - s->base), flags);
  }
  if (status != KEVY_OK) list_discard(s->sp, l);
  return status;
}

static const char list_empty[PACKED_HEAD];

/* An edit of a small or absent value. */
static kevy_status list_edit_small(kevy_store *s, probe *p, const list_edit *e, uint32_t flags) {
  const char *block = p->live != NULL ? small_block(p->live) : list_empty;
  size_t len = p->live != NULL ? small_len(p->live) : PACKED_HEAD, removed = 0;
  if (e->removed != 0) removed = packed_span(packed_seek(block, len, (uint32_t)e->position), (uint32_t)e->removed);
  size_t size = list_small_size(len, e->items, e->k, removed);
  if (UNLIKELY(size == 0)) return list_promote(s, p, block, len, e, flags);
  if (p->live != NULL && size > PACKED_HEAD) {
    char *in_place = collection_edit_packed(s, p, size);
    if (LIKELY(in_place != NULL)) {
      list_edit_block(in_place, len, e);
      return KEVY_OK;
    }
  }
  list_room room;
  memcpy(room.bytes, block, len);
  list_edit_block(room.bytes, len, e);
  return collection_put_packed(s, p, KEVY_TYPE_LIST, room.bytes, size, flags);
}

/* ---- Large values -------------------------------------------------------------------------------------------- */

/* A list that has become short is packed again; where memory does not allow it, it stays as it is. */
static COLD void list_demote(kevy_store *s, probe *p, const list_value *l) {
  tree_path path;
  const list_leaf *leaf = list_at(s->base, tree_first(s->base, &l->order, &path));
  if (leaf->len > LIST_FEW || leaf->uniform) return;
  (void)collection_put_packed(s, p, KEVY_TYPE_LIST, list_block(leaf), leaf->len, 0);
}

/* After elements went away. */
static FLAT void list_settle(kevy_store *s, probe *p, const list_value *l) {
  if (LIKELY(l->order.leaves > 1)) return;
  if (l->order.count == 0) probe_remove(s, p);
  else list_demote(s, p, l);
}

typedef enum list_outcome { LIST_DONE, LIST_ELSEWHERE, LIST_NO_MEMORY } list_outcome;

/* One element of a uniform leaf in place of another. */
static bool list_set_uniform(space *sp, list_value *l, tree_path *p, uint32_t index, const packed_plan *plan) {
  ref r = tree_own(sp, &l->order, p, false);
  if (r == 0) return false;
  list_leaf *leaf = list_at(sp->mem.base, r);
  memcpy((char *)(uintptr_t)list_seek(leaf, index), plan->ptr, plan->len);
  return true;
}

/* An edit that takes elements from one leaf, and leaves it with some, without a detour. */
static list_outcome list_edit_leaf(space *sp, list_value *l, const list_edit *e) {
  tree_path p;
  uint64_t offset = 0;
  ref r = tree_seek_position(sp->mem.base, &l->order, e->position, &p, &offset);
  if (r == 0) return LIST_ELSEWHERE;
  list_leaf *leaf = list_at(sp->mem.base, r);
  uint32_t index = (uint32_t)offset, count = list_count(leaf);
  if (list_is_alone(leaf) || e->removed > count - index || e->k > 64 || (e->k == 0 && e->removed == count))
    return LIST_ELSEWHERE;
  int64_t extra = 0;
  packed_plan plan = {0};
  for (size_t i = 0; i < e->k; i++) {
    plan = packed_plan_of(&e->items[i]);
    if (plan.size > LIST_ALONE_SIZE) return LIST_ELSEWHERE;
    extra += (int64_t)plan.size;
  }
  if (leaf->uniform) {
    if (e->k == 1 && e->removed == 1 && (LIST_UNIFORM | plan.head) == leaf->uniform)
      return list_set_uniform(sp, l, &p, index, &plan) ? LIST_DONE : LIST_NO_MEMORY;
    leaf = list_leaf_open(sp, l, &p, e->k == 0);
    if (leaf == NULL) return LIST_NO_MEMORY;
  }
  extra -= (int64_t)packed_span(list_seek(leaf, index), (uint32_t)e->removed);
  if (extra > 0 && !list_fits(leaf, (size_t)extra, false)) return LIST_ELSEWHERE;
  return list_splice_leaf(sp, l, &p, index, (uint32_t)e->removed, e->items, e->k, extra) ? LIST_DONE : LIST_NO_MEMORY;
}

static kevy_status list_edit_large(kevy_store *s, probe *p, const list_edit *e) {
  list_value *l = (list_value *)collection_own(s, p, e->k == 0);
  if (UNLIKELY(l == NULL)) return KEVY_EOOM;
  list_outcome outcome = e->removed != 0 && e->k != 0 ? list_edit_leaf(s->sp, l, e) : LIST_ELSEWHERE;
  if (outcome == LIST_NO_MEMORY) return KEVY_EOOM;
  if (outcome == LIST_ELSEWHERE) {
    if (!list_edit_tree(s->sp, l, e)) return KEVY_EOOM;
    if (e->removed != 0) list_erase(s->sp, l, e->position + e->k, e->removed);
  }
  if (e->removed != 0) list_settle(s, p, l);
  return KEVY_OK;
}

static kevy_status list_edit_any(kevy_store *s, probe *p, const list_edit *e, uint32_t flags) {
  if (p->live != NULL && entry_is_large(p->live)) return list_edit_large(s, p, e);
  return list_edit_small(s, p, e, flags);
}

/* ---- Reading ------------------------------------------------------------------------------------------------- */

uint64_t list_entry_len(const char *base, const entry *e) {
  return entry_is_large(e) ? ((const list_value *)collection_at(base, e))->order.count : packed_count(small_block(e));
}

/* A position as one from 0 on; UINT64_MAX where it lies outside. */
static FLAT uint64_t list_position(int64_t position, uint64_t len) {
  if (position < 0) position += (int64_t)len;
  return position < 0 || (uint64_t)position >= len ? UINT64_MAX : (uint64_t)position;
}

kevy_status list_len(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  probe p;
  kevy_status status = collection_read(s, &p, key, klen, KEVY_TYPE_LIST);
  *count = status == KEVY_OK ? list_entry_len(s->base, p.live) : 0;
  return status;
}

/* Where the element at a position below the length stands. */
static FLAT const char *list_find(const char *base, const entry *e, uint64_t position, uint32_t *uniform) {
  *uniform = 0;
  if (!entry_is_large(e)) return packed_seek(small_block(e), small_len(e), (uint32_t)position);
  uint64_t offset;
  const list_value *l = (const list_value *)collection_at(base, e);
  const list_leaf *leaf = list_at(base, tree_leaf_at(base, &l->order, position, &offset));
  *uniform = leaf->uniform;
  return list_seek(leaf, (uint32_t)offset);
}

kevy_status list_index(kevy_store *s, const char *key, size_t klen, int64_t position, kevy_value *out) {
  probe p;
  kevy_status status = collection_read(s, &p, key, klen, KEVY_TYPE_LIST);
  if (status != KEVY_OK) return status;
  uint64_t at = list_position(position, list_entry_len(s->base, p.live));
  if (at == UINT64_MAX) return KEVY_MISSING;
  char *digits = store_scratch(s);
  if (digits == NULL) return KEVY_EOOM;
  uint32_t uniform;
  const char *found = list_find(s->base, p.live, at, &uniform);
  list_get(uniform, found, out, digits);
  return KEVY_OK;
}

/* ---- The quick way ------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) kevy_status list_index_noted(kevy_store *s, const char *key, size_t klen,
                                                              int64_t position, kevy_value *out) {
  return store_noted(s, list_index(s, key, klen, position, out));
}

/* An element that is a short string, or stands in a uniform leaf. False for others. */
static FLAT bool list_get_quick(uint32_t uniform, const char *at, kevy_value *out) {
  uint32_t head = uniform & 0x7f;
  if (uniform == 0 && UNLIKELY((head = (uint8_t)*at++) >= 0x80)) return false;
  *out = (kevy_value){head >> 6, 0, head & 63, {.ptr = at}};
  return true;
}

/* In a small list whose key is found at first sight. */
__attribute__((noinline)) kevy_status list_index_small(kevy_store *s, const char *key, size_t klen, int64_t position,
                                                       kevy_value *out) {
  bool absent;
  if (klen > 16) return list_index_noted(s, key, klen, position, out);
  uint64_t hash = hash_quick(s->sp->secret, key, klen);
  entry *e = collection_guess_at(s->base, table_home(s->base, s->keys, hash), hash, key, klen,
                                 COLLECTION_SMALL(KEVY_TYPE_LIST), &absent);
  if (UNLIKELY(e == NULL)) return list_index_noted(s, key, klen, position, out);
  const char *block = (const char *)(e + 1) + klen;
  uint64_t at = list_position(position, packed_count(block));
  if (at == UINT64_MAX || UNLIKELY(!list_get_quick(0, packed_seek(block, e->vlen, (uint32_t)at), out)))
    return list_index_noted(s, key, klen, position, out);
  s->hits++;
  probe_note_access(s, e);
  return KEVY_OK;
}

/* In a large list, whose entry this is. */
__attribute__((noinline)) kevy_status list_index_large(kevy_store *s, const entry *e, int64_t position,
                                                       kevy_value *out) {
  const list_value *l = (const list_value *)collection_large(s->base, e);
  uint64_t at = list_position(position, l->order.count), offset;
  if (UNLIKELY(at == UINT64_MAX)) return list_index_noted(s, (const char *)(e + 1), e->klen, position, out);
  const list_leaf *leaf = list_at(s->base, tree_leaf_at(s->base, &l->order, at, &offset));
  if (UNLIKELY(!list_get_quick(leaf->uniform, list_seek(leaf, (uint32_t)offset), out)))
    return list_index_noted(s, (const char *)(e + 1), e->klen, position, out);
  s->hits++;
  return KEVY_OK;
}

FLAT kevy_status list_index_quick(kevy_store *s, const char *key, size_t klen, int64_t position, kevy_value *out) {
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_LIST);
  return e != NULL ? list_index_large(s, e, position, out) : list_index_small(s, key, klen, position, out);
}

/* ---- Reading in order ---------------------------------------------------------------------------------------- */

/* Begins with a leaf's element at this index, or, backwards, goes on from it to the first. */
static void list_iter_enter(list_iter *it, const list_leaf *leaf, uint32_t index) {
  it->uniform = leaf->uniform;
  it->left = it->reverse ? index + 1 : list_count(leaf) - index;
  it->at = list_seek(leaf, it->reverse ? index + 1 : index);
}

void list_iter_open(list_iter *it, const char *base, const entry *e, uint64_t position, bool reverse) {
  it->base = base;
  it->e = e;
  list_iter_seek(it, position, reverse);
}

void list_iter_seek(list_iter *it, uint64_t position, bool reverse) {
  const char *base = it->base;
  const entry *e = it->e;
  it->reverse = reverse;
  it->uniform = 0;
  it->path.height = 0;
  if (entry_is_large(e)) {
    uint64_t offset = 0;
    const list_value *l = (const list_value *)collection_at(base, e);
    ref r = tree_seek_position(base, &l->order, position, &it->path, &offset);
    list_iter_enter(it, list_at(base, r), (uint32_t)offset);
    return;
  }
  uint32_t index = (uint32_t)position;
  it->left = reverse ? index + 1 : packed_count(small_block(e)) - index;
  it->at = packed_seek(small_block(e), small_len(e), reverse ? index + 1 : index);
}

/* Goes on to the next block. False at the end. */
static COLD bool list_iter_turn(list_iter *it) {
  if (it->path.height == 0) return false;
  ref r = it->reverse ? tree_prev(it->base, &it->path) : tree_next(it->base, &it->path);
  if (r == 0) {
    it->path.height = 0;
    return false;
  }
  const list_leaf *leaf = list_at(it->base, r);
  list_iter_enter(it, leaf, it->reverse ? list_count(leaf) - 1 : 0);
  return true;
}

/* The next element, which is passed. NULL at the end. */
static FLAT const char *list_iter_step(list_iter *it) {
  if (UNLIKELY(it->left == 0) && !list_iter_turn(it)) return NULL;
  it->left--;
  const char *at = it->at;
  if (it->reverse) return it->at = list_before(it->uniform, at);
  it->at = list_after(it->uniform, at);
  return at;
}

bool list_iter_next(list_iter *it, kevy_value *out) {
  const char *at = list_iter_step(it);
  if (at == NULL) return false;
  list_get(it->uniform, at, out, it->digits);
  return true;
}

bool list_iter_match(list_iter *it, const packed_key *key) {
  const char *at = list_iter_step(it);
  return at != NULL && list_is(it->uniform, at, key);
}

kevy_status list_open(kevy_store *s, const char *key, size_t klen, list_iter *it, uint64_t *len) {
  probe p;
  kevy_status status = collection_read(s, &p, key, klen, KEVY_TYPE_LIST);
  *len = 0;
  if (status != KEVY_OK) return status;
  *len = list_entry_len(s->base, p.live);
  list_iter_open(it, s->base, p.live, 0, false);
  return KEVY_OK;
}

kevy_status list_measure(kevy_store *s, const char *key, size_t klen, uint32_t flags, uint64_t n, list_iter *it,
                         uint64_t *count, size_t *bytes) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  uint64_t len = list_entry_len(s->base, p.live), first = flags & KEVY_LEFT ? 0 : len - 1;
  *count = n < len ? n : len;
  *bytes = 0;
  list_iter_open(it, s->base, p.live, first, first != 0);
  kevy_value v;
  for (uint64_t i = 0; i < *count && list_iter_next(it, &v); i++)
    *bytes += v.kind <= KEVY_TEXT ? v.len : NUMBER_FLOAT_MAX;
  list_iter_seek(it, first, first != 0);
  return KEVY_OK;
}

bool list_is_packed(const char *base, const entry *e) {
  if (!entry_is_large(e)) return true;
  const list_value *l = (const list_value *)collection_at(base, e);
  return l->c.bytes <= LIST_LEAF;
}

/* ---- Adding and replacing -------------------------------------------------------------------------------------- */

static FLAT void list_tell_length(const kevy_store *s, const probe *p, uint64_t *length) {
  if (length != NULL) *length = p->live != NULL ? list_entry_len(s->base, p->live) : 0;
}

/* A new value, without what the key held. */
static kevy_status list_put_new(kevy_store *s, probe *p, const list_edit *e, uint32_t flags) {
  list_room room;
  content c = {ENTRY_RAW, KEVY_BYTES, 0, {.ptr = room.bytes}};
  list_value *l = NULL;
  c.len = list_small_size(PACKED_HEAD, e->items, e->k, 0);
  if (c.len != 0) {
    packed_clear(room.bytes);
    list_edit_block(room.bytes, PACKED_HEAD, e);
  } else {
    l = list_new(s->sp);
    if (l == NULL || !list_edit_tree(s->sp, l, e)) goto no_memory;
    c = (content){ENTRY_NODE, KEVY_BYTES, 0, {.word = (ref)((char *)l - s->base)}};
  }
  if (probe_put(s, p, KEVY_TYPE_LIST, &c, KEVY_NO_TTL, flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES) == KEVY_OK)
    return KEVY_OK;
no_memory:
  if (l != NULL) list_discard(s->sp, l);
  return KEVY_EOOM;
}

/* Finds whatever the key holds, to put a list in its place. */
static kevy_status list_find_any(kevy_store *s, probe *p, const char *key, size_t klen) {
  kevy_status status = store_write(s);
  if (status != KEVY_OK) return status;
  if (klen > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  probe_find(s, p, key, klen);
  return KEVY_OK;
}

static kevy_status list_push_open(kevy_store *s, probe *p, const list_edit *e, uint32_t flags) {
  if (p->live == NULL && (flags & KEVY_XX)) return KEVY_MISSING;
  if (flags & KEVY_REPLACE) {
    if (e->k != 0) return list_put_new(s, p, e, flags);
    if (p->live != NULL) probe_remove(s, p);
    return KEVY_OK;
  }
  return e->k == 0 ? KEVY_OK : list_edit_any(s, p, e, flags);
}

kevy_status list_push(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *items,
                      uint32_t flags, uint64_t *length) {
  probe p;
  kevy_status status = UNLIKELY(flags & KEVY_REPLACE) ? list_find_any(s, &p, key, klen)
                                                      : collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (UNLIKELY(status != KEVY_OK)) return status;
  list_items safe;
  status = list_items_open(s, &safe, items, k);
  if (UNLIKELY(status != KEVY_OK)) return status;
  list_edit e = {0, 0, safe.at, k, (flags & KEVY_LEFT) != 0};
  if (!e.front && p.live != NULL && !(flags & KEVY_REPLACE)) e.position = list_entry_len(s->base, p.live);
  status = list_push_open(s, &p, &e, flags);
  list_items_close(&safe);
  if (LIKELY(status == KEVY_OK)) list_tell_length(s, &p, length);
  return status;
}

kevy_status list_set(kevy_store *s, const char *key, size_t klen, int64_t position, const kevy_value *item) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  uint64_t at = list_position(position, list_entry_len(s->base, p.live));
  if (at == UINT64_MAX) return KEVY_ERANGE;
  list_items safe;
  status = list_items_open(s, &safe, item, 1);
  if (status != KEVY_OK) return status;
  list_edit e = {at, 1, safe.at, 1, false};
  status = list_edit_any(s, &p, &e, 0);
  list_items_close(&safe);
  return status;
}

/* A splice whose bounds are checked. */
static kevy_status list_splice_at(kevy_store *s, probe *p, uint64_t position, uint64_t removed, size_t k,
                                  const kevy_value *items, uint32_t flags) {
  if (k == 0 && removed == 0) return KEVY_OK;
  list_items safe;
  kevy_status status = list_items_open(s, &safe, items, k);
  if (status != KEVY_OK) return status;
  list_edit e = {position, removed, safe.at, k, false};
  status = list_edit_any(s, p, &e, flags);
  list_items_close(&safe);
  return status;
}

kevy_status list_splice(kevy_store *s, const char *key, size_t klen, int64_t position, uint64_t removed,
                        size_t k, const kevy_value *items, uint32_t flags) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (status != KEVY_OK) return status;
  if (p.live == NULL && (k == 0 || (flags & KEVY_XX))) return KEVY_MISSING;
  uint64_t len = p.live != NULL ? list_entry_len(s->base, p.live) : 0;
  if (position < 0) position += (int64_t)len;
  if (position < 0 || (uint64_t)position > len) return KEVY_ERANGE;
  if (removed > len - (uint64_t)position) removed = len - (uint64_t)position;
  return list_splice_at(s, &p, (uint64_t)position, removed, k, items, flags);
}

/* The position of the first element equal to a value; UINT64_MAX: none. */
static uint64_t list_find_value(const kevy_store *s, const entry *e, const kevy_value *v) {
  char digits[NUMBER_FLOAT_MAX];
  packed_key key = list_key_of(v, digits);
  uint64_t len = list_entry_len(s->base, e);
  list_iter it;
  list_iter_open(&it, s->base, e, 0, false);
  for (uint64_t i = 0; i < len; i++)
    if (list_iter_match(&it, &key)) return i;
  return UINT64_MAX;
}

kevy_status list_insert(kevy_store *s, const char *key, size_t klen, bool before, const kevy_value *pivot,
                        const kevy_value *item, uint64_t *length) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  uint64_t at = list_find_value(s, p.live, pivot);
  if (at == UINT64_MAX) return KEVY_UNMET;
  status = list_splice_at(s, &p, at + !before, 0, 1, item, 0);
  if (status == KEVY_OK) list_tell_length(s, &p, length);
  return status;
}

/* ---- Taking away --------------------------------------------------------------------------------------------- */

/* What a block's end gives, lent: strings go where they outlive it. */
static FLAT void list_lend(kevy_store *s, uint32_t uniform, const char *at, kevy_value *out) {
  list_get(uniform, at, out, s->scratch);
  if (out->kind > KEVY_TEXT || out->as.ptr == s->scratch) return;
  bytes_move(s->scratch, out->as.ptr, out->len);
  out->as.ptr = s->scratch;
}

static kevy_status list_pop_small(kevy_store *s, probe *p, bool front, kevy_value *out) {
  const char *block = small_block(p->live);
  const char *at = front ? packed_first(block) : packed_prev(block + small_len(p->live));
  list_edit e = {front ? 0 : packed_count(block) - 1, 1, NULL, 0, false};
  p->key = entry_key(p->live); /* the caller's may lie where the value is lent */
  list_lend(s, 0, at, out);
  return list_edit_small(s, p, &e, 0);
}

/* The element that stands alone is lent where it is. */
static COLD void list_pop_alone(kevy_store *s, list_value *l, tree_path *path, const list_leaf *leaf, kevy_value *out) {
  list_get(0, packed_first(list_block(leaf)), out, s->scratch);
  l->c.bytes -= leaf->head.size;
  if (tree_take(s->sp, &l->order, path) != 0) store_lend_node(s, list_ref(s->sp, leaf));
}

/* Takes an element off an open leaf with others. */
static FLAT void list_leaf_pop(list_leaf *leaf, bool front) {
  char *block = list_block(leaf);
  uint32_t count = packed_count(block), size;
  if (front) {
    const char *first = packed_first(block);
    size = (uint32_t)(packed_next(first) - first);
    leaf->start += size;
    block += size;
  } else {
    const char *end = block + leaf->len;
    size = (uint32_t)(end - packed_prev(end));
  }
  leaf->len -= size;
  packed_set_count(block, count - 1);
}

static kevy_status list_pop_large(kevy_store *s, probe *p, bool front, kevy_value *out) {
  list_value *l = (list_value *)collection_own(s, p, true);
  if (UNLIKELY(l == NULL)) return KEVY_EOOM;
  const char *base = s->base;
  tree_path path;
  ref r = front ? tree_first(base, &l->order, &path) : tree_last(base, &l->order, &path);
  list_leaf *leaf = list_at(base, r);
  p->key = entry_key(p->live);
  if (list_is_alone(leaf)) {
    list_pop_alone(s, l, &path, leaf, out);
  } else if (list_count(leaf) == 1) {
    list_lend(s, leaf->uniform, packed_first(list_block(leaf)), out);
    list_remove_leaf(s->sp, l, &path);
  } else {
    leaf = list_leaf_open(s->sp, l, &path, true);
    if (UNLIKELY(leaf == NULL)) return KEVY_EOOM;
    list_lend(s, 0, front ? packed_first(list_block(leaf)) : packed_prev(list_block(leaf) + leaf->len), out);
    list_leaf_pop(leaf, front);
    tree_update(base, &l->order, &path, -1, NULL);
    bool sparse = UNLIKELY(l->order.leaves == 2) && leaf->len < LIST_SPARSE;
    list_leaf_shrink(s->sp, l, &path, leaf, front);
    if (sparse) list_join(s->sp, l, 0);
  }
  list_settle(s, p, l);
  return KEVY_OK;
}

kevy_status list_pop(kevy_store *s, const char *key, size_t klen, uint32_t flags, kevy_value *out) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (UNLIKELY(p.live == NULL)) return KEVY_MISSING;
  if (UNLIKELY(store_scratch(s) == NULL)) return KEVY_EOOM;
  bool front = (flags & KEVY_LEFT) != 0;
  return entry_is_large(p.live) ? list_pop_large(s, &p, front, out) : list_pop_small(s, &p, front, out);
}

/* Keeps n elements from a position on. */
static kevy_status list_keep(kevy_store *s, probe *p, uint64_t first, uint64_t n) {
  uint64_t len = list_entry_len(s->base, p->live);
  if (entry_is_large(p->live)) {
    list_value *l = (list_value *)collection_own(s, p, true);
    if (l == NULL) return KEVY_EOOM;
    list_erase(s->sp, l, first + n, len - first - n);
    list_erase(s->sp, l, 0, first);
    list_settle(s, p, l);
    return KEVY_OK;
  }
  list_room room;
  size_t size = small_len(p->live);
  memcpy(room.bytes, small_block(p->live), size);
  const char *at = packed_seek(room.bytes, size, (uint32_t)(first + n));
  size = packed_splice(room.bytes, size, at, (uint32_t)(len - first - n), NULL, 0);
  size = packed_splice(room.bytes, size, packed_first(room.bytes), (uint32_t)first, NULL, 0);
  return collection_put_packed(s, p, KEVY_TYPE_LIST, room.bytes, size, 0);
}

kevy_status list_trim(kevy_store *s, const char *key, size_t klen, int64_t first, int64_t last) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  int64_t len = (int64_t)list_entry_len(s->base, p.live);
  if (first < 0) first = first + len < 0 ? 0 : first + len;
  if (last < 0) last += len;
  if (last >= len) last = len - 1;
  if (first > last || first >= len) {
    probe_remove(s, &p);
    return KEVY_OK;
  }
  if (first == 0 && last == len - 1) return KEVY_OK;
  return list_keep(s, &p, (uint64_t)first, (uint64_t)(last - first) + 1);
}

/* ---- LREM ---------------------------------------------------------------------------------------------------- */

static uint32_t list_count_equal(uint32_t uniform, const char *block, const packed_key *key) {
  const char *at = packed_first(block);
  uint32_t n = 0;
  for (uint32_t i = packed_count(block); i > 0; i--, at = list_after(uniform, at)) n += list_is(uniform, at, key);
  return n;
}

/* Takes n equal elements, behind the first `skip` ones, out of a packed block; returns its length. */
static size_t list_purge(char *block, size_t len, const packed_key *key, uint32_t skip, uint32_t n) {
  const char *at = packed_first(block), *end = block + len;
  char *to = block + PACKED_HEAD;
  uint32_t count = packed_count(block) - n;
  while (n > 0) {
    const char *next = packed_next(at);
    bool equal = list_is(0, at, key);
    if (equal && skip == 0) {
      n--;
    } else {
      if (equal) skip--;
      memmove(to, at, (size_t)(next - at));
      to += next - at;
    }
    at = next;
  }
  memmove(to, at, (size_t)(end - at));
  packed_set_count(block, count);
  return (size_t)(to - block) + (size_t)(end - at);
}

/* Takes up to n equal elements out of the leaf with the element at this position: the first ones or the last ones.
 * Sets *begins to where the leaf begins, *stays to how many of its elements stay. */
static uint64_t list_purge_leaf(space *sp, list_value *l, uint64_t position, const packed_key *key, bool last, uint64_t n,
                                uint64_t *begins, uint64_t *stays) {
  tree_path p;
  uint64_t offset = 0;
  list_leaf *leaf = list_at(sp->mem.base, tree_seek_position(sp->mem.base, &l->order, position, &p, &offset));
  uint32_t count = list_count(leaf), equal = list_count_equal(leaf->uniform, list_block(leaf), key);
  uint32_t take = equal < n ? equal : (uint32_t)n;
  *begins = position - offset;
  *stays = count - take;
  if (take == 0) return 0;
  if (take == count) {
    list_remove_leaf(sp, l, &p);
    return take;
  }
  leaf = list_leaf_open(sp, l, &p, true);
  if (leaf == NULL) return 0;
  leaf->len = (uint32_t)list_purge(list_block(leaf), leaf->len, key, last ? equal - take : 0, take);
  sp->work_bytes += leaf->len;
  tree_update(sp->mem.base, &l->order, &p, -(int64_t)take, NULL);
  list_leaf_shrink(sp, l, &p, leaf, false);
  return take;
}

static uint64_t list_remove_large(space *sp, list_value *l, const packed_key *key, bool last, uint64_t n) {
  uint64_t removed = 0, position = last ? l->order.count - 1 : 0;
  while (removed < n && position < l->order.count) {
    uint64_t begins, stays, took = list_purge_leaf(sp, l, position, key, last, n - removed, &begins, &stays);
    removed += took;
    position = last ? begins - 1 : begins + stays; /* below 0 is past the end */
    if (took == 0 || stays == 0 || l->order.count == 0) continue;
    uint64_t before = l->order.leaves;
    list_join(sp, l, begins);
    if (last && l->order.leaves != before) position = begins - 1;
  }
  return removed;
}

static kevy_status list_remove_small(kevy_store *s, probe *p, const packed_key *key, bool last, uint64_t n,
                                     uint64_t *removed) {
  list_room room;
  size_t len = small_len(p->live);
  memcpy(room.bytes, small_block(p->live), len);
  uint32_t equal = list_count_equal(0, room.bytes, key), take = equal < n ? equal : (uint32_t)n;
  if (take == 0) return KEVY_OK;
  len = list_purge(room.bytes, len, key, last ? equal - take : 0, take);
  kevy_status status = collection_put_packed(s, p, KEVY_TYPE_LIST, room.bytes, len, 0);
  if (status == KEVY_OK) *removed = take;
  return status;
}

static kevy_status list_remove_equal(kevy_store *s, probe *p, int64_t count, const packed_key *key, uint64_t *removed) {
  bool last = count < 0;
  uint64_t n = last ? 0 - (uint64_t)count : count > 0 ? (uint64_t)count : UINT64_MAX;
  if (!entry_is_large(p->live)) return list_remove_small(s, p, key, last, n, removed);
  list_value *l = (list_value *)collection_own(s, p, true);
  if (l == NULL) return KEVY_EOOM;
  *removed = list_remove_large(s->sp, l, key, last, n);
  list_settle(s, p, l);
  return KEVY_OK;
}

kevy_status list_remove(kevy_store *s, const char *key, size_t klen, int64_t count, const kevy_value *item,
                        uint64_t *removed) {
  probe p;
  *removed = 0;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  list_items safe;
  status = list_items_open(s, &safe, item, 1);
  if (status != KEVY_OK) return status;
  char digits[NUMBER_FLOAT_MAX];
  packed_key equal = list_key_of(safe.at, digits);
  status = list_remove_equal(s, &p, count, &equal, removed);
  list_items_close(&safe);
  return status;
}

/* ---- LMOVE --------------------------------------------------------------------------------------------------- */

/* The element at an end; bytes that may move are copied into buf. */
static void list_peek(const kevy_store *s, const entry *e, bool front, kevy_value *out, char buf[LIST_ALONE]) {
  uint32_t uniform;
  const char *at = list_find(s->base, e, front ? 0 : list_entry_len(s->base, e) - 1, &uniform);
  list_get(uniform, at, out, buf);
  if (!list_borrows(s, out)) return;
  bytes_move(buf, out->as.ptr, out->len);
  out->as.ptr = buf;
}

/* The element is added before it is taken, so that all that can fail comes first. Within one list that is
 * the same as the other way round. */
static kevy_status list_move_safe(kevy_store *s, const char *key, size_t klen, uint32_t from, const char *key2,
                                  size_t klen2, uint32_t to, kevy_value *out) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  if (store_scratch(s) == NULL) return KEVY_EOOM;
  char buf[LIST_ALONE];
  kevy_value v;
  list_peek(s, p.live, (from & KEVY_LEFT) != 0, &v, buf);
  status = list_push(s, key2, klen2, 1, &v, to, NULL);
  return status == KEVY_OK ? list_pop(s, key, klen, from, out) : status;
}

kevy_status list_move(kevy_store *s, const char *key, size_t klen, uint32_t from, const char *key2,
                      size_t klen2, uint32_t to, kevy_value *out) {
  kevy_value name = {KEVY_BYTES, 0, klen, {.ptr = key}};
  char buf[LIST_ALONE];
  if (klen <= sizeof buf && list_borrows(s, &name)) key = memcpy(buf, key, klen); /* it may lie in what moves */
  return list_move_safe(s, key, klen, from, key2, klen2, to, out);
}

/* ---- Checking ------------------------------------------------------------------------------------------------ */

static bool list_leaf_check(const list_leaf *leaf, uint64_t count) {
  const char *block = list_block(leaf);
  if (packed_count(block) != count || leaf->start < LIST_HEAD || leaf->start + leaf->len > leaf->head.size) return false;
  if (leaf->uniform) return count >= LIST_UNIFORM_LEAST && leaf->len == PACKED_HEAD + count * list_width(leaf->uniform);
  return packed_check(block, leaf->len) && (leaf->head.size <= LIST_LEAF || list_is_alone(leaf));
}

bool list_check(const char *base, const entry *e) {
  if (!entry_is_large(e)) return small_len(e) <= LIST_SMALL && packed_check(small_block(e), small_len(e));
  const list_value *l = (const list_value *)collection_at(base, e);
  uint64_t bytes = 0, leaves = 0;
  tree_path p;
  for (ref r = tree_first(base, &l->order, &p); r != 0; r = tree_next(base, &p), leaves++) {
    if (!list_leaf_check(list_at(base, r), tree_at(base, &p).count)) return false;
    bytes += list_at(base, r)->head.size;
  }
  return leaves == l->order.leaves && bytes == l->c.bytes && tree_check(base, &l->order);
}
