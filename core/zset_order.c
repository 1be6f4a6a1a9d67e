/* zset_order: the order of a large sorted set: a counted tree (tree.h) over leaves of items, each a score and the ref of the member's entry.
 * Leaves are copied before they are written where a snapshot sees them. For the files of the sorted-set type alone. */
#include "zset_forms.h"

#include <stdlib.h>

/* ---- cuts ---- */

static FLAT bool zset_member_before(const zset_cut *cut, const char *ptr, size_t len) {
  int c = zset_compare(ptr, len, cut->ptr, cut->len);
  return c < 0 || (c == 0 && cut->behind);
}

/* Whether an element of a large set lies before the cut. */
static FLAT bool zset_item_before(const zset_cut *cut, uint64_t score, ref member) {
  if (cut->by != ZSET_BY_MEMBER && LIKELY(score != cut->score)) return score < cut->score;
  if (cut->by == ZSET_BY_SCORE || member == cut->member) return cut->behind;
  const entry *e = mem_ptr(cut->base, member);
  return zset_member_before(cut, entry_key(e), entry_klen(e));
}

static inline int zset_compare_cell(const void *sought, const uint64_t key[2]) {
  return zset_item_before(sought, key[0], key[1]) ? -1 : 1;
}

/* How many of a leaf's n items lie before the cut. Where a halving search may look first is loaded all at
 * once. */
static FLAT uint32_t zset_leaf_before(const zset_leaf *l, uint32_t n, const zset_cut *cut) {
  uint32_t low = 0;
  for (uint32_t i = n / 8; i < n; i += n / 8 + 1) __builtin_prefetch(&l->at[i]);
  while (low < n) {
    uint32_t middle = low + (n - low) / 2;
    if (zset_item_before(cut, l->at[middle].score, l->at[middle].member)) low = middle + 1;
    else n = middle;
  }
  return low;
}

static FLAT zset_cut zset_cut_element(const char *base, uint64_t score, ref member, bool behind) {
  const entry *e = mem_ptr(base, member);
  return (zset_cut){ZSET_BY_ELEMENT, behind, score, entry_key(e), entry_klen(e), member, base};
}

/* ---- leaves ---- */

static uint32_t zset_leaf_capacity(const zset_leaf *l) {
  return (uint32_t)((l->head.size - sizeof(zset_leaf)) / sizeof(zset_item));
}

/* A leaf with room for n items and some more. */
static ref zset_leaf_new(space *sp, zset *z, uint32_t n, bool must) {
  uint32_t capacity = n + n / 8 + 1;
  if (capacity > ZSET_LEAF_MAX) capacity = ZSET_LEAF_MAX;
  size_t size = mem_round(sizeof(zset_leaf) + capacity * sizeof(zset_item));
  ref r = node_new(sp, (uint32_t)size, must);
  if (r != 0) z->k.c.bytes += size;
  return r;
}

static void zset_leaf_forget(const space *sp, zset *z, ref r) {
  z->k.c.bytes -= zset_leaf_at(sp->mem.base, r)->head.size;
}
static void zset_leaf_retire(space *sp, zset *z, ref r) {
  zset_leaf_forget(sp, z, r);
  node_retire(sp, r);
}

static void zset_items_copy(space *sp, ref to, uint32_t at, const zset_item *from, uint32_t n) {
  memcpy(zset_leaf_at(sp->mem.base, to)->at + at, from, n * sizeof *from);
  sp->work_bytes += n * sizeof *from;
}

/* A leaf of its own for an item, beside the path's. It is at an end of the order, where more may follow. */
static bool zset_leaf_add(space *sp, zset *z, tree_path *p, bool before, const zset_item *item, bool must) {
  ref r = zset_leaf_new(sp, z, z->order.count == 0 ? 1 : ZSET_LEAF_MAX, must);
  if (r == 0) return false;
  zset_leaf_at(sp->mem.base, r)->at[0] = *item;
  if (tree_insert(sp, &z->order, p, before, r, 1, item->key, must)) return true;
  zset_leaf_retire(sp, z, r);
  return false;
}

/* Puts the n items of the path's owned leaf into one that has room for `room`. False: no memory. */
static bool zset_leaf_resize(space *sp, zset *z, const tree_path *p, uint32_t n, uint32_t room, bool must) {
  ref old = tree_at(sp->mem.base, p).child, r = zset_leaf_new(sp, z, room, must);
  if (r == 0) return false;
  zset_items_copy(sp, r, 0, zset_leaf_at(sp->mem.base, old)->at, n);
  tree_move(sp->mem.base, p, r);
  zset_leaf_retire(sp, z, old);
  return true;
}

/* Owns the path's leaf of n items and makes room for one more. NULL: no memory. */
static zset_leaf *zset_leaf_room(space *sp, zset *z, tree_path *p, uint32_t n, bool must) {
  ref r = tree_own(sp, &z->order, p, must);
  if (r == 0) return NULL;
  if (n < zset_leaf_capacity(zset_leaf_at(sp->mem.base, r))) return zset_leaf_at(sp->mem.base, r);
  if (!zset_leaf_resize(sp, z, p, n, n + 1, must)) return NULL;
  return zset_leaf_at(sp->mem.base, tree_at(sp->mem.base, p).child);
}

/* Moves the upper half of the path's full leaf to a new one; the path still leads to the lower. */
static bool zset_leaf_split(space *sp, zset *z, tree_path *p, bool must) {
  const char *base = sp->mem.base;
  const uint32_t stay = ZSET_LEAF_MAX / 2, moved = ZSET_LEAF_MAX - stay;
  ref r = tree_own(sp, &z->order, p, must);
  if (r == 0) return false;
  const zset_item *upper = zset_leaf_at(base, r)->at + stay;
  ref right = zset_leaf_new(sp, z, moved + 1, must);
  if (right == 0) return false;
  zset_items_copy(sp, right, 0, upper, moved);
  if (!tree_insert(sp, &z->order, p, false, right, moved, upper->key, must)) {
    zset_leaf_retire(sp, z, right);
    return false;
  }
  tree_prev(base, p);
  tree_update(base, &z->order, p, -(int64_t)moved, NULL);
  (void)zset_leaf_resize(sp, z, p, stay, stay + 1, false);
  return true;
}

/* ---- the order ---- */

static FLAT uint32_t zset_path_count(const char *base, const tree_path *p) {
  return (uint32_t)tree_at(base, p).count;
}

static bool zset_path_last(const char *base, const tree_path *p) {
  tree_path next = *p;
  return tree_next(base, &next) == 0;
}

/* Adds an item at its place. False when memory ran out, and nothing changed that can be seen. */
static bool zset_order_insert(space *sp, zset *z, zset_item item, bool must) {
  const char *base = sp->mem.base;
  zset_cut cut = zset_cut_element(base, item.score, item.member, false);
  tree_path p;
  ref r = tree_seek_key(base, &z->order, zset_compare_cell, &cut, &p);
  if (r == 0) return zset_leaf_add(sp, z, &p, false, &item, must);
  uint32_t n = zset_path_count(base, &p), at = zset_leaf_before(zset_leaf_at(base, r), n, &cut);
  if (n == ZSET_LEAF_MAX) {
    if (at == 0) return zset_leaf_add(sp, z, &p, true, &item, must);
    if (at == n && zset_path_last(base, &p)) return zset_leaf_add(sp, z, &p, false, &item, must);
    if (!zset_leaf_split(sp, z, &p, must)) return false;
    n = zset_path_count(base, &p);
    if (at > n) {
      at -= n;
      tree_next(base, &p);
      n = zset_path_count(base, &p);
    }
  }
  zset_leaf *l = zset_leaf_room(sp, z, &p, n, must);
  if (l == NULL) return false;
  memmove(l->at + at + 1, l->at + at, (n - at) * sizeof item);
  l->at[at] = item;
  tree_update(base, &z->order, &p, 1, at == 0 ? item.key : NULL);
  return true;
}

/* The path to an item that is there, and its index in the leaf. */
static ref zset_order_find(const char *base, const zset *z, zset_item item, tree_path *p, uint32_t *at) {
  zset_cut cut = zset_cut_element(base, item.score, item.member, true);
  ref r = tree_seek_key(base, &z->order, zset_compare_cell, &cut, p);
  *at = zset_leaf_before(zset_leaf_at(base, r), zset_path_count(base, p), &cut) - 1;
  return r;
}

/* Joins the path's leaf of n items with the one behind it or before it, where both together are few. */
static bool zset_leaf_join(space *sp, zset *z, tree_path *p, uint32_t n, bool behind) {
  const char *base = sp->mem.base;
  tree_path q = *p;
  ref old = tree_at(base, p).child, other = behind ? tree_next(base, &q) : tree_prev(base, &q);
  if (other == 0) return false;
  uint32_t m = zset_path_count(base, &q);
  if (n + m > ZSET_LEAF_JOINED) return false;
  ref r = zset_leaf_new(sp, z, n + m, false);
  if (r == 0) return false;
  zset_items_copy(sp, r, behind ? 0 : m, zset_leaf_at(base, old)->at, n);
  zset_items_copy(sp, r, behind ? n : 0, zset_leaf_at(base, other)->at, m);
  tree_move(base, p, r);
  zset_leaf_retire(sp, z, old);
  tree_update(base, &z->order, p, m, zset_leaf_at(base, r)->at[0].key);
  q = *p;
  if (behind) tree_next(base, &q);
  else tree_prev(base, &q);
  zset_leaf_forget(sp, z, other);
  tree_remove(sp, &z->order, &q);
  return true;
}

/* After items of the path's owned leaf went: gives back what it has too much. Needs no memory beyond the limit. */
static void zset_leaf_relieve(space *sp, zset *z, tree_path *p, uint32_t n) {
  if (n < ZSET_LEAF_SPARSE && (zset_leaf_join(sp, z, p, n, true) || zset_leaf_join(sp, z, p, n, false))) return;
  const zset_leaf *l = zset_leaf_at(sp->mem.base, tree_at(sp->mem.base, p).child);
  if (n < zset_leaf_capacity(l) / 2) (void)zset_leaf_resize(sp, z, p, n, n, false);
}

/* Takes k items out of the path's leaf, from `at` on. Never fails. */
static void zset_order_cut(space *sp, zset *z, tree_path *p, uint32_t at, uint32_t k) {
  const char *base = sp->mem.base;
  tree_cell cell = tree_at(base, p);
  uint32_t n = (uint32_t)cell.count;
  if (k == n) {
    zset_leaf_forget(sp, z, cell.child);
    tree_remove(sp, &z->order, p);
    return;
  }
  ref r = tree_own(sp, &z->order, p, true);
  if (r == 0) return;
  zset_leaf *l = zset_leaf_at(base, r);
  n -= k;
  memmove(l->at + at, l->at + at + k, (n - at) * sizeof l->at[0]);
  tree_update(base, &z->order, p, -(int64_t)k, at == 0 ? l->at[0].key : NULL);
  zset_leaf_relieve(sp, z, p, n);
}

static void zset_order_remove(space *sp, zset *z, zset_item item) {
  tree_path p;
  uint32_t at;
  zset_order_find(sp->mem.base, z, item, &p, &at);
  zset_order_cut(sp, z, &p, at, 1);
}

/* Whether an item that belongs at index `to` of the path's leaf of n belongs to that leaf at all. */
static bool zset_belongs(const char *base, const tree_path *p, uint32_t to, uint32_t n, const zset_cut *cut) {
  tree_path q = *p;
  if (to == 0) return tree_prev(base, &q) == 0;
  if (to < n || tree_next(base, &q) == 0) return true;
  tree_cell next = tree_at(base, &q);
  return !zset_item_before(cut, next.key[0], next.key[1]);
}

/* Puts `now` in the place of `was`, the same member with another score. False: no memory, and nothing changed. */
static bool zset_order_move(space *sp, zset *z, zset_item was, zset_item now, bool must) {
  const char *base = sp->mem.base;
  tree_path p;
  uint32_t from, n, to;
  ref r = zset_order_find(base, z, was, &p, &from);
  n = zset_path_count(base, &p);
  zset_cut cut = zset_cut_element(base, now.score, now.member, false);
  to = zset_leaf_before(zset_leaf_at(base, r), n, &cut);
  if (!zset_belongs(base, &p, to, n, &cut)) {
    if (!zset_order_insert(sp, z, now, must)) return false;
    zset_order_remove(sp, z, was);
    return true;
  }
  if ((r = tree_own(sp, &z->order, &p, must)) == 0) return false;
  zset_item *at = zset_leaf_at(base, r)->at;
  if (to > from) memmove(at + from, at + from + 1, (--to - from) * sizeof *at);
  else memmove(at + to + 1, at + to, (from - to) * sizeof *at);
  at[to] = now;
  if (to == 0 || from == 0) tree_update(base, &z->order, &p, 0, at[0].key);
  return true;
}
