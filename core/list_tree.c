/* list_tree: see list_tree.h. */
#include "list_tree.h"

#include <math.h>

#define LIST_UNIFORM_LEAST 16 /* elements that make it worth while */
#define LIST_JOINED (LIST_LEAF / 4 * 3) /* neighbours become one when it needs no more than this */

/* ---- Elements of either form ------------------------------------------------------------------------------ */

/* A float's byte form is its digits, as any value's. */
static COLD bool list_float_is(const char *at, const packed_key *key) {
  kevy_value v;
  char digits[NUMBER_FLOAT_MAX];
  packed_get(at, &v, digits);
  if (v.kind != KEVY_FLOAT) return false;
  size_t len = number_format_float(v.as.d, digits);
  return len == key->len && memcmp(digits, key->ptr, len) == 0;
}

bool list_is(uint32_t uniform, const char *at, const packed_key *key) {
  if (UNLIKELY(uniform))
    return !key->is_int && key->len == list_width(uniform) && bytes_equal(at, key->ptr, key->len);
  return packed_is(at, key) || (UNLIKELY(packed_is_float(at)) && list_float_is(at, key));
}

static_assert(NUMBER_FLOAT_MAX >= PACKED_NUMBER, "digits of any number");

/* What is looked for, whatever its kind. */
packed_key list_key_of(const kevy_value *v, char digits[NUMBER_FLOAT_MAX]) {
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
COLD list_leaf *list_leaf_resize(space *sp, list_value *l, const tree_path *p, list_leaf *old, size_t size, bool right,
                            bool must) {
  list_leaf *leaf = list_leaf_new(sp, l, size, must);
  if (leaf == NULL) return NULL;
  leaf->len = old->len;
  if (right) leaf->start = leaf->head.size - leaf->len;
  memcpy(list_block(leaf), list_block(old), old->len);
  return list_leaf_replace(sp, l, p, old, leaf);
}

/* A uniform leaf with its elements' heads written anew. */
COLD list_leaf *list_leaf_spread(space *sp, list_value *l, const tree_path *p, list_leaf *old, bool must) {
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

/* The size of a leaf that needs so much and may grow. */
static size_t list_roomy(size_t need) {
  size_t size = need + need / 4;
  return size < LIST_LEAF ? size : LIST_LEAF;
}

COLD list_leaf *list_leaf_make_room(space *sp, list_value *l, const tree_path *p, list_leaf *leaf, size_t extra, bool front) {
  size_t need = LIST_HEAD + leaf->len + extra;
  if (need > leaf->head.size / 4 * 3 && leaf->head.size < LIST_LEAF)
    return list_leaf_resize(sp, l, p, leaf, list_roomy(need), front, false);
  char *block = list_block(leaf);
  leaf->start = front ? leaf->head.size - leaf->len : LIST_HEAD;
  memmove(list_block(leaf), block, leaf->len);
  sp->work_bytes += leaf->len;
  return leaf;
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
bool list_splice_leaf(space *sp, list_value *l, tree_path *p, uint32_t index, uint32_t removed,
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

void list_remove_leaf(space *sp, list_value *l, tree_path *p) {
  ref gone = tree_take(sp, &l->order, p);
  if (gone != 0) list_leaf_retire(sp, l, list_at(sp->mem.base, gone));
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
void list_join(space *sp, list_value *l, uint64_t position) {
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

void list_erase(space *sp, list_value *l, uint64_t position, uint64_t n) {
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

list_value *list_new(space *sp) {
  ref r = collection_new(sp, sizeof(list_value), KEVY_TYPE_LIST);
  return r != 0 ? mem_ptr(sp->mem.base, r) : NULL;
}

/* Gets rid of a list that nothing refers to yet. */
void list_discard(space *sp, list_value *l) {
  uint32_t all = UINT32_MAX;
  tree_drop(sp, &l->order, &all, &l->c.bytes);
  mem_free(&sp->mem, (ref)((char *)l - sp->mem.base), sizeof *l);
}

static bool list_drop(space *sp, collection *c, uint32_t *items) {
  return tree_drop(sp, &((list_value *)c)->order, items, &c->bytes);
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

static tree *list_leaves(collection *c) { return &((list_value *)c)->order; }

const collection_kind list_kind = {.drop = list_drop, .clone = list_clone, .bytes = list_bytes, .abandon = list_abandon,
                                   .leaves = list_leaves};

/* A large list of the elements of a block. NULL: no memory. */
list_value *list_from_block(space *sp, const char *block, size_t len) {
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
bool list_add(space *sp, list_value *l, uint64_t position, const kevy_value *items, size_t k) {
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
bool list_add_front(space *sp, list_value *l, const kevy_value *items, size_t k) {
  for (size_t done = 0; done < k; done++) {
    packed_plan plan = packed_plan_of(&items[done]);
    if (LIKELY(list_add_end(sp, l, true, &plan))) continue;
    list_erase(sp, l, 0, done);
    return false;
  }
  return true;
}

/* ---- Replacing within a leaf ------------------------------------------------------------------------------- */

/* One element of a uniform leaf in place of another. */
bool list_set_uniform(space *sp, list_value *l, tree_path *p, uint32_t index, const packed_plan *plan) {
  ref r = tree_own(sp, &l->order, p, false);
  if (r == 0) return false;
  list_leaf *leaf = list_at(sp->mem.base, r);
  memcpy((char *)(uintptr_t)list_seek(leaf, index), plan->ptr, plan->len);
  return true;
}

/* ---- Checking ------------------------------------------------------------------------------------------------ */

static bool list_leaf_check(const list_leaf *leaf, uint64_t count) {
  const char *block = list_block(leaf);
  if (packed_count(block) != count || leaf->start < LIST_HEAD || leaf->start + leaf->len > leaf->head.size) return false;
  if (leaf->uniform) return count >= LIST_UNIFORM_LEAST && leaf->len == PACKED_HEAD + count * list_width(leaf->uniform);
  return packed_check(block, leaf->len) && (leaf->head.size <= LIST_LEAF || list_is_alone(leaf));
}

bool list_tree_check(const char *base, const list_value *l) {
  uint64_t bytes = 0, leaves = 0;
  tree_path p;
  for (ref r = tree_first(base, &l->order, &p); r != 0; r = tree_next(base, &p), leaves++) {
    if (!list_leaf_check(list_at(base, r), tree_at(base, &p).count)) return false;
    bytes += list_at(base, r)->head.size;
  }
  return leaves == l->order.leaves && bytes == l->c.bytes && tree_check(base, &l->order);
}
