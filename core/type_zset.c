/* type_zset: see type_zset.h. */
#include "type_zset.h"

#include <math.h>
#include <stdlib.h>

#include "hashing.h"
#include "members.h"
#include "number.h"

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

/* ---- members of a large set ---- */

static content zset_content(double score) { return (content){ENTRY_NUM, KEVY_FLOAT, 8, {.word = load64(&score)}}; }

static FLAT zset_item zset_item_of(const char *base, ref member) {
  return (zset_item){{zset_order_of(zset_entry_score(mem_ptr(base, member))), member}};
}

/* Adds a member that is not there to a writable set. False: no memory, and nothing changed. */
static bool zset_insert(kevy_store *s, zset *z, uint64_t hash, const char *ptr, size_t len, uint32_t kind,
                        double score) {
  space *sp = s->sp;
  content c = zset_content(score);
  ref member = member_new(s, &z->k, ptr, len, kind, &c, KEVY_NO_TTL);
  if (member == 0) return false;
  zset_item item = {{zset_order_of(score), member}};
  if (LIKELY(zset_order_insert(sp, z, item, false))) {
    if (LIKELY(table_insert(sp, &z->k.members, hash, member, false))) return true;
    zset_order_remove(sp, z, item);
  }
  member_retire(sp, &z->k, member, hash, true);
  return false;
}

/* A copy of a member's entry with another score. */
static ref zset_copy_member(kevy_store *s, zset *z, const entry *e, double score) {
  content c = zset_content(score);
  return member_new(s, &z->k, entry_key(e), entry_klen(e), entry_key_kind(e), &c, KEVY_NO_TTL);
}

#define ZSET_RETIRES 24 /* blocks that giving a member another score may replace */

/* Gives the slot's member of a writable set another score. False: no memory, and nothing changed. */
static bool zset_rescore(kevy_store *s, zset *z, uint64_t hash, uint64_t *slot, double score, bool must) {
  space *sp = s->sp;
  if (!must && !node_room(sp, ZSET_RETIRES)) return false;
  if ((slot = table_own(sp, &z->k.members, hash, slot, must)) == NULL) return false;
  ref member = slot_ref(*slot);
  bool fresh = *slot & SLOT_FRESH;
  entry *e = mem_ptr(s->base, member);
  zset_item was = zset_item_of(s->base, member), now = {{zset_order_of(score), member}};
  if (LIKELY(sp->newest == 0) || fresh) {
    if (!zset_order_move(sp, z, was, now, must)) return false;
    store64(entry_content(e), load64(&score));
    return true;
  }
  now.member = zset_copy_member(s, z, e, score);
  if (now.member == 0) return false;
  if (!zset_order_move(sp, z, was, now, must)) {
    member_retire(sp, &z->k, now.member, hash, true);
    return false;
  }
  table_replace(slot, now.member);
  member_retire(sp, &z->k, member, hash, fresh);
  return true;
}

/* Takes the slot's member out of the table. Never fails. */
static void zset_forget(space *sp, zset *z, uint64_t hash, uint64_t *slot) {
  slot = table_own(sp, &z->k.members, hash, slot, true);
  if (slot == NULL) return;
  ref member = slot_ref(*slot);
  bool fresh = *slot & SLOT_FRESH;
  table_remove(sp, &z->k.members, hash, slot);
  member_retire(sp, &z->k, member, hash, fresh);
}

static void zset_delete(space *sp, zset *z, uint64_t hash, uint64_t *slot) {
  zset_order_remove(sp, z, zset_item_of(sp->mem.base, slot_ref(*slot)));
  zset_forget(sp, z, hash, slot);
}

/* ---- a new large set ---- */

static ref zset_new(space *sp) {
  ref top = collection_new(sp, sizeof(zset), KEVY_TYPE_ZSET);
  if (top == 0) return 0;
  zset *z = mem_ptr(sp->mem.base, top);
  tree_open(&z->order);
  if (table_open(sp, &z->k.members)) return top;
  mem_free(&sp->mem, top, sizeof(zset));
  return 0;
}

static bool zset_insert_value(kevy_store *s, zset *z, const kevy_value *member, double score) {
  member_name m;
  (void)member_name_of(&m, member);
  return zset_insert(s, z, member_name_hash(s->sp, &m), m.key.ptr, m.key.len, m.kind, score);
}

/* A large set of the elements that a view has. 0: no memory, and nothing is left behind. */
static ref zset_copy_of(kevy_store *s, const zset_view *v) {
  ref top = zset_new(s->sp);
  if (top == 0) return 0;
  zset_walk w;
  zset_walk_begin(&w, v, 0, v->count, false);
  kevy_value member;
  double score;
  while (zset_walk_next(&w, &member, &score)) {
    if (zset_insert_value(s, mem_ptr(s->base, top), &member, score)) continue;
    node_retire_collection(s->sp, top);
    return 0;
  }
  return top;
}

static bool zset_drop(space *sp, collection *c, uint32_t *items) {
  zset *z = (zset *)c;
  return tree_drop(sp, &z->order, items, &c->bytes) && keyed_drop(sp, &z->k, items);
}

static ref zset_clone(kevy_store *s, const collection *c) {
  const zset *z = (const zset *)c;
  zset_view v = {s->sp, NULL, 0, z, z->order.count};
  return zset_copy_of(s, &v);
}

static uint64_t zset_bytes(const collection *c) {
  const zset *z = (const zset *)c;
  return z->k.members.bytes + z->order.bytes;
}

static void zset_abandon(space *sp, collection *c, collection *before, uint64_t epoch) {
  tree_abandon(sp, &((zset *)c)->order, epoch, NULL, NULL);
  keyed_abandon(sp, (keyed *)c, (keyed *)before, epoch);
}

/* Its item in the order follows, and the cells above whose first it is. */
static ref zset_move(space *sp, collection *c, ref member) {
  zset *z = (zset *)c;
  const char *base = sp->mem.base;
  tree_path p;
  uint32_t at;
  zset_leaf *l = zset_leaf_at(base, zset_order_find(base, z, zset_item_of(base, member), &p, &at));
  l->at[at].member = mem_move(&sp->mem, member, entry_size(mem_ptr(base, member)));
  if (at == 0) tree_update(base, &z->order, &p, 0, l->at[0].key);
  return l->at[at].member;
}

static tree *zset_leaves(collection *c) { return &((zset *)c)->order; }

const collection_kind zset_kind = {.drop = zset_drop, .clone = zset_clone, .bytes = zset_bytes, .abandon = zset_abandon,
                                   .keyed = true, .move = zset_move, .leaves = zset_leaves};

/* ---- small sets ---- */

static FLAT double zset_packed_score(const char *at) {
  kevy_value v;
  char digits[PACKED_NUMBER];
  packed_get(at, &v, digits);
  return v.kind == KEVY_FLOAT ? v.as.d : (double)v.as.i;
}

/* A score as an element: whole ones that a double holds exactly as ints. */
static kevy_value zset_score_value(double score) {
  if (fabs(score) < 9007199254740992.0 && score == (double)(int64_t)score)
    return (kevy_value){KEVY_INT, 0, 0, {.i = (int64_t)score}};
  return (kevy_value){KEVY_FLOAT, 0, 0, {.d = score}};
}

/* The byte form of a block's member. */
static const char *zset_packed_member(const char *at, size_t *len, char digits[PACKED_NUMBER]) {
  kevy_value v;
  packed_get(at, &v, digits);
  if (v.kind == KEVY_INT) {
    *len = number_format_int(v.as.i, digits);
    return digits;
  }
  *len = v.len;
  return v.as.ptr;
}

/* Whether the pair that begins here lies before the cut. */
static bool zset_pair_before(const zset_cut *cut, const char *at) {
  if (cut->by != ZSET_BY_MEMBER) {
    uint64_t score = zset_order_of(zset_packed_score(packed_next(at)));
    if (score != cut->score) return score < cut->score;
    if (cut->by == ZSET_BY_SCORE) return cut->behind;
  }
  char digits[PACKED_NUMBER];
  size_t len;
  const char *ptr = zset_packed_member(at, &len, digits);
  return zset_member_before(cut, ptr, len);
}

/* The first pair that does not lie before the cut, or the block's end, and how many do. */
static const char *zset_block_seek(const char *block, size_t len, const zset_cut *cut, uint64_t *before) {
  const char *at = packed_first(block), *end = block + len;
  for (*before = 0; at < end && zset_pair_before(cut, at); ++*before) at = packed_next(packed_next(at));
  return at;
}

static size_t zset_block_insert(char *block, size_t len, const kevy_value *member, const packed_key *key,
                                double score) {
  zset_cut cut = {.by = ZSET_BY_ELEMENT, .score = zset_order_of(score), .ptr = key->ptr, .len = key->len};
  uint64_t before;
  const char *at = zset_block_seek(block, len, &cut, &before);
  kevy_value pair[2] = {*member, zset_score_value(score)};
  return packed_splice(block, len, at, 0, pair, 2);
}

/* ---- editing ---- */

/* A set on its way from what it was to what it shall be. A small one is edited in `block` and put at the end; so is
 * a new large one; one that was large already is changed where it stands. */
typedef struct zset_edit {
  kevy_store *s;
  probe p;
  uint32_t flags;
  bool anew;     /* whatever the key held goes, and its time to live */
  bool changed;  /* the block */
  bool unlinked; /* the large set is not under the key yet */
  zset *large;   /* NULL while small */
  size_t len;
  char block[ZSET_ROOM];
} zset_edit;

static kevy_status zset_edit_begin(zset_edit *e, kevy_store *s, const char *key, size_t klen, uint32_t flags) {
  e->s = s;
  e->flags = flags;
  e->anew = flags & KEVY_REPLACE;
  e->changed = e->anew;
  e->unlinked = false;
  e->large = NULL;
  kevy_status status = collection_write(s, &e->p, key, klen, KEVY_TYPE_ZSET);
  if (UNLIKELY(status != KEVY_OK) && !(status == KEVY_EWRONGTYPE && e->anew)) return status;
  const entry *live = e->anew ? NULL : e->p.live;
  if (live == NULL) {
    packed_clear(e->block);
    e->len = PACKED_HEAD;
  } else if (entry_is_large(live)) {
    e->large = zset_at(s->base, live);
  } else {
    e->len = small_len(live);
    memcpy(e->block, small_block(live), e->len);
  }
  return KEVY_OK;
}

/* The large set, writable. False: no memory, and nothing changed. */
static FLAT bool zset_edit_own(zset_edit *e, bool must) {
  if (e->unlinked) return true;
  zset *own = (zset *)collection_own(e->s, &e->p, must);
  if (own == NULL) return false;
  e->large = own;
  return true;
}

/* Makes the edited block a large set. */
static bool zset_edit_promote(zset_edit *e) {
  zset_view v = {e->s->sp, e->block, e->len, NULL, packed_count(e->block) / 2};
  ref top = zset_copy_of(e->s, &v);
  if (top == 0) return false;
  e->large = mem_ptr(e->s->base, top);
  e->unlinked = true;
  return true;
}

static ref zset_edit_top(const zset_edit *e) { return (ref)((const char *)e->large - e->s->base); }

/* Puts what was made under the key. On KEVY_EOOM nothing changed. */
static kevy_status zset_edit_put(zset_edit *e) {
  if (!e->anew)
    return e->large != NULL ? collection_put(e->s, &e->p, zset_edit_top(e), e->flags)
                            : collection_put_packed(e->s, &e->p, KEVY_TYPE_ZSET, e->block, e->len, e->flags);
  if (e->large == NULL && packed_count(e->block) == 0) {
    if (e->p.slot != NULL) probe_remove(e->s, &e->p);
    return KEVY_OK;
  }
  content c = {ENTRY_RAW, KEVY_BYTES, e->len, {.ptr = e->block}};
  if (e->large != NULL) c = (content){ENTRY_NODE, KEVY_BYTES, 0, {.word = zset_edit_top(e)}};
  return probe_put(e->s, &e->p, KEVY_TYPE_ZSET, &c, KEVY_NO_TTL, e->flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES);
}

static void zset_edit_discard(zset_edit *e) {
  if (e->unlinked) node_retire_collection(e->s->sp, zset_edit_top(e));
}

/* Ends with this status, putting what was made when it is good. */
static kevy_status zset_edit_end(zset_edit *e, kevy_status status) {
  if (status >= 0 && (e->unlinked || (e->large == NULL && e->changed))) {
    kevy_status put = zset_edit_put(e);
    if (put < 0) status = put;
  }
  if (status < 0) zset_edit_discard(e);
  return status;
}

/* Makes a large set that has shrunk small again, where it fits; removes the key of an empty one. */
static void zset_edit_shrunk(zset_edit *e) {
  const zset *z = e->large;
  if (z == NULL || e->unlinked) return;
  if (z->order.count == 0) probe_remove(e->s, &e->p);
  if (z->order.count == 0 || z->order.count > ZSET_SMALL_AGAIN) return;
  zset_view v = {e->s->sp, NULL, 0, z, z->order.count};
  zset_walk w;
  kevy_value pair[2];
  double score;
  zset_walk_begin(&w, &v, 0, v.count, false);
  packed_clear(e->block);
  e->len = PACKED_HEAD;
  while (zset_walk_next(&w, &pair[0], &score)) {
    if (pair[0].len > ZSET_SMALL_LEN) return;
    pair[1] = zset_score_value(score);
    e->len = packed_append(e->block, e->len, pair, 2);
  }
  (void)collection_put_packed(e->s, &e->p, KEVY_TYPE_ZSET, e->block, e->len, 0);
}

/* ---- adding one ---- */

#define ZSET_INCR 0x80000000u /* beside the flags of kevy_types.h: the score given is added */

typedef struct zset_outcome {
  enum { ZSET_SAME, ZSET_ADDED, ZSET_UPDATED, ZSET_FORBIDDEN } what;
  double was, score;
} zset_outcome;

/* Decides what a score given means to a member: that was there, or not (was is NULL). */
static FLAT kevy_status zset_decide(const double *was, double given, uint32_t flags, zset_outcome *out) {
  *out = (zset_outcome){ZSET_ADDED, was != NULL ? *was : 0, given};
  out->what = ZSET_FORBIDDEN;
  if (flags & (was != NULL ? KEVY_NX : KEVY_XX)) return KEVY_OK;
  if (flags & ZSET_INCR) out->score += out->was;
  out->score += 0.0;
  if (isnan(out->score)) return KEVY_ENAN;
  if (was == NULL) {
    out->what = ZSET_ADDED;
    return KEVY_OK;
  }
  if ((flags & KEVY_GT) && !(out->score > *was)) return KEVY_OK;
  if ((flags & KEVY_LT) && !(out->score < *was)) return KEVY_OK;
  out->what = out->score == *was ? ZSET_SAME : ZSET_UPDATED;
  return KEVY_OK;
}

static kevy_status zset_apply_large(zset_edit *e, const member_name *m, double given, zset_outcome *out) {
  kevy_store *s = e->s;
  uint64_t hash = member_name_hash(s->sp, m);
  uint64_t *slot = member_find_to_write(s->base, &e->large->k, hash, m->key.ptr, m->key.len);
  double was = slot != NULL ? zset_entry_score(mem_ptr(s->base, slot_ref(*slot))) : 0;
  kevy_status status = zset_decide(slot != NULL ? &was : NULL, given, e->flags, out);
  if (status != KEVY_OK || out->what == ZSET_SAME || out->what == ZSET_FORBIDDEN) return status;
  if (!zset_edit_own(e, false)) return KEVY_EOOM;
  bool done = slot != NULL ? zset_rescore(s, e->large, hash, slot, out->score, false)
                           : zset_insert(s, e->large, hash, m->key.ptr, m->key.len, m->kind, out->score);
  return done ? KEVY_OK : KEVY_EOOM;
}

/* The member of an edited block gets another place. It keeps its kind. */
static void zset_reblock(zset_edit *e, const char *at, const member_name *m, double score) {
  kevy_value member;
  char digits[PACKED_NUMBER];
  packed_get(at, &member, digits);
  member = zset_value(m->key.ptr, m->key.len, member.kind);
  e->len = packed_splice(e->block, e->len, at, 2, NULL, 0);
  e->len = zset_block_insert(e->block, e->len, &member, &m->key, score);
}

static kevy_status zset_apply(zset_edit *e, const kevy_value *member, double given, zset_outcome *out) {
  member_name m;
  kevy_status status = member_name_of(&m, member);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (e->large != NULL) return zset_apply_large(e, &m, given, out);
  const char *at = packed_find(e->block, e->len, &m.key, 2);
  double was = at != NULL ? zset_packed_score(packed_next(at)) : 0;
  status = zset_decide(at != NULL ? &was : NULL, given, e->flags, out);
  if (status != KEVY_OK || out->what == ZSET_SAME || out->what == ZSET_FORBIDDEN) return status;
  e->changed = true;
  if (at != NULL) {
    zset_reblock(e, at, &m, out->score);
    return KEVY_OK;
  }
  if (m.key.len > ZSET_SMALL_LEN || packed_count(e->block) == 2 * ZSET_SMALL_COUNT)
    return zset_edit_promote(e) ? zset_apply_large(e, &m, given, out) : KEVY_EOOM;
  e->len = zset_block_insert(e->block, e->len, member, &m.key, out->score);
  return KEVY_OK;
}

/* ---- adding many ---- */

/* What was done to a set where it stands, to undo it. */
typedef struct zset_done {
  bool added, updated;
  double was;
} zset_done;

static void zset_undo_one(zset_edit *e, const kevy_value *member, const zset_done *done) {
  if (!done->added && !done->updated) return;
  member_name m;
  (void)member_name_of(&m, member);
  uint64_t hash = member_name_hash(e->s->sp, &m);
  uint64_t *slot = member_find(e->s->base, &e->large->k, hash, m.key.ptr, m.key.len);
  if (slot == NULL) return;
  if (done->added) zset_delete(e->s->sp, e->large, hash, slot);
  else (void)zset_rescore(e->s, e->large, hash, slot, done->was, true);
}

static COLD void zset_undo(zset_edit *e, size_t k, const kevy_value *members, const zset_done *done) {
  if (done == NULL) return;
  while (k-- > 0) zset_undo_one(e, &members[k], &done[k]);
}

static kevy_status zset_check_args(size_t k, const kevy_value *members, const double *scores, uint32_t flags) {
  if ((flags & KEVY_NX) && (flags & (KEVY_XX | KEVY_GT | KEVY_LT))) return KEVY_EARG;
  if ((flags & KEVY_GT) && (flags & KEVY_LT)) return KEVY_EARG;
  for (size_t i = 0; i < k; i++) {
    if (members[i].kind > KEVY_INT) return KEVY_EARG;
    if (isnan(scores[i])) return KEVY_ENOTFLOAT;
  }
  return KEVY_OK;
}

static kevy_status zset_apply_all(zset_edit *e, size_t k, const kevy_value *members, const double *scores,
                                  zset_done *done, uint64_t *added, uint64_t *updated) {
  for (size_t i = 0; i < k; i++) {
    zset_outcome out;
    kevy_status status = zset_apply(e, &members[i], scores[i], &out);
    if (UNLIKELY(status != KEVY_OK)) {
      zset_undo(e, i, members, done);
      return status;
    }
    *added += out.what == ZSET_ADDED;
    *updated += out.what == ZSET_UPDATED;
    if (done != NULL) done[i] = (zset_done){out.what == ZSET_ADDED, out.what == ZSET_UPDATED, out.was};
  }
  return KEVY_OK;
}

kevy_status zset_add(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                     const double *scores, uint32_t flags, uint64_t *changed) {
  uint64_t added = 0, updated = 0;
  if (changed != NULL) *changed = 0;
  kevy_status status = zset_check_args(k, members, scores, flags);
  if (UNLIKELY(status != KEVY_OK)) return status;
  zset_edit e;
  status = zset_edit_begin(&e, s, key, klen, flags);
  if (UNLIKELY(status != KEVY_OK)) return status;
  zset_done *done = NULL;
  if (k > 1 && e.large != NULL) {
    done = k <= SIZE_MAX / sizeof *done ? malloc(k * sizeof *done) : NULL;
    if (done == NULL) return KEVY_EOOM;
  }
  status = zset_edit_end(&e, zset_apply_all(&e, k, members, scores, done, &added, &updated));
  free(done);
  if (status == KEVY_OK && changed != NULL) *changed = added + (flags & KEVY_CHANGED ? updated : 0);
  return status;
}

__attribute__((noinline)) bool zset_add_member(kevy_store *s, const entry *e, const kevy_value *member,
                                               double score, uint64_t *changed) {
  if (member->len - 8 > 8) __builtin_unreachable();
  zset *z = (zset *)collection_large(s->base, e);
  uint64_t hash = hash_bytes(s->sp->secret, member->as.ptr, member->len);
  if (member_find_to_write(s->base, &z->k, hash, member->as.ptr, member->len) != NULL) return false;
  if (!zset_insert(s, z, hash, member->as.ptr, member->len, member->kind, score + 0.0)) return false;
  if (changed != NULL) *changed = 1;
  s->sp->written = true;
  s->until_pay--;
  return true;
}

FLAT bool zset_add_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double score,
                         uint64_t *changed) {
  if (!collection_calm(s) || isnan(score)) return false;
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_ZSET);
  s->grows = true;
  return e != NULL && zset_add_member(s, e, member, score, changed);
}

kevy_status zset_incr(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double by,
                      uint32_t flags, double *score) {
  kevy_status status = zset_check_args(1, member, &by, flags);
  if (status != KEVY_OK) return status;
  zset_edit e;
  status = zset_edit_begin(&e, s, key, klen, (flags & ~KEVY_REPLACE) | ZSET_INCR);
  if (status != KEVY_OK) return status;
  zset_outcome out;
  status = zset_edit_end(&e, zset_apply(&e, member, by, &out));
  if (status != KEVY_OK) return status;
  if (score != NULL) *score = out.score;
  return out.what == ZSET_FORBIDDEN ? KEVY_UNMET : KEVY_OK;
}

/* Whether all pairs together, as yet without a set, may be a small one. */
static bool zset_pairs_small(size_t n, const zset_pair *pairs) {
  if (n > ZSET_SMALL_COUNT) return false;
  for (size_t i = 0; i < n; i++)
    if (pairs[i].member.kind != KEVY_INT && pairs[i].member.len > ZSET_SMALL_LEN) return false;
  return true;
}

kevy_status zset_store(kevy_store *s, const char *key, size_t klen, size_t n, const zset_pair *pairs,
                       uint32_t flags) {
  zset_edit e;
  kevy_status status = zset_edit_begin(&e, s, key, klen, (flags & KEVY_TEXT_KEY) | KEVY_REPLACE);
  if (status == KEVY_OK && !zset_pairs_small(n, pairs) && !zset_edit_promote(&e)) status = KEVY_EOOM;
  if (status != KEVY_OK) return status;
  for (size_t i = 0; i < n && status == KEVY_OK; i++) {
    zset_outcome out;
    status = zset_apply(&e, &pairs[i].member, pairs[i].score, &out);
  }
  return zset_edit_end(&e, status);
}

/* ---- removing ---- */

static kevy_status zset_remove_one(zset_edit *e, const kevy_value *member, uint64_t *removed) {
  member_name m;
  kevy_status status = member_name_of(&m, member);
  if (status == KEVY_ETOOBIG) return KEVY_OK;
  if (status != KEVY_OK) return status;
  if (e->large == NULL) {
    const char *at = packed_find(e->block, e->len, &m.key, 2);
    if (at == NULL) return KEVY_OK;
    e->len = packed_splice(e->block, e->len, at, 2, NULL, 0);
    e->changed = true;
  } else {
    uint64_t hash = member_name_hash(e->s->sp, &m);
    uint64_t *slot = member_find(e->s->base, &e->large->k, hash, m.key.ptr, m.key.len);
    if (slot == NULL || !zset_edit_own(e, true)) return KEVY_OK;
    zset_delete(e->s->sp, e->large, hash, slot);
  }
  ++*removed;
  return KEVY_OK;
}

/* Puts an edited block that became shorter; where there is no memory for a copy of it, on the reserve. */
static kevy_status zset_put_less(zset_edit *e) {
  if (e->large != NULL) {
    zset_edit_shrunk(e);
    return KEVY_OK;
  }
  if (!e->changed) return KEVY_OK;
  return collection_put_packed(e->s, &e->p, KEVY_TYPE_ZSET, e->block, e->len, e->flags);
}

kevy_status zset_remove(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                        uint64_t *removed) {
  uint64_t count = 0;
  if (removed != NULL) *removed = 0;
  for (size_t i = 0; i < k; i++)
    if (members[i].kind > KEVY_INT) return KEVY_EARG;
  zset_edit e;
  kevy_status status = zset_edit_begin(&e, s, key, klen, 0);
  if (status != KEVY_OK) return status;
  if (e.p.live == NULL) return KEVY_MISSING;
  for (size_t i = 0; i < k; i++) (void)zset_remove_one(&e, &members[i], &count);
  status = zset_put_less(&e);
  if (status == KEVY_OK && removed != NULL) *removed = count;
  return status;
}

kevy_status zset_open_write(kevy_store *s, probe *p, const char *key, size_t klen, zset_view *v) {
  *v = (zset_view){.sp = s->sp};
  kevy_status status = collection_write(s, p, key, klen, KEVY_TYPE_ZSET);
  if (status != KEVY_OK) return status;
  if (p->live == NULL) return KEVY_MISSING;
  *v = zset_view_of(s->sp, p->live);
  return KEVY_OK;
}

/* Takes out of a writable large set up to k elements from a position on, those of one leaf. Returns how many. */
static uint32_t zset_remove_leaf(space *sp, zset *z, uint64_t position, uint64_t k) {
  const char *base = sp->mem.base;
  tree_path p;
  uint64_t at;
  ref r = tree_seek_position(base, &z->order, position, &p, &at);
  if (r == 0) return 0;
  uint32_t n = zset_path_count(base, &p) - (uint32_t)at;
  if (n > k) n = (uint32_t)k;
  ref members[ZSET_LEAF_MAX];
  for (uint32_t i = 0; i < n; i++) members[i] = zset_leaf_at(base, r)->at[at + i].member;
  zset_order_cut(sp, z, &p, (uint32_t)at, n);
  for (uint32_t i = 0; i < n; i++) {
    const entry *e = mem_ptr(base, members[i]);
    uint64_t hash = hash_bytes(sp->secret, entry_key(e), entry_klen(e));
    uint64_t *slot = table_find_ref(base, &z->k.members, hash, members[i]);
    if (slot != NULL) zset_forget(sp, z, hash, slot);
  }
  return n;
}

kevy_status zset_remove_range(kevy_store *s, probe *p, const zset_view *v, uint64_t first, uint64_t end) {
  if (first >= end) return KEVY_OK;
  if (first == 0 && end >= v->count) {
    probe_remove(s, p);
    return KEVY_OK;
  }
  zset_edit e = {.s = s, .p = *p, .len = v->len};
  if (v->large == NULL) {
    memcpy(e.block, v->block, v->len);
    const char *at = packed_seek(e.block, e.len, (uint32_t)first * 2);
    e.len = packed_splice(e.block, e.len, at, (uint32_t)(end - first) * 2, NULL, 0);
    e.changed = true;
    return zset_put_less(&e);
  }
  if (!zset_edit_own(&e, true)) return KEVY_EOOM;
  while (first < end) {
    uint32_t n = zset_remove_leaf(s->sp, e.large, first, end - first);
    if (n == 0) break;
    end -= n;
  }
  return zset_put_less(&e);
}

/* ---- reading ---- */

zset_view zset_view_of(const space *sp, const entry *e) {
  zset_view v = {.sp = sp};
  if (entry_is_large(e)) {
    v.large = zset_at(sp->mem.base, e);
    v.count = v.large->order.count;
  } else {
    v.block = small_block(e);
    v.len = small_len(e);
    v.count = packed_count(v.block) / 2;
  }
  return v;
}

kevy_status zset_view_open(kevy_store *s, const char *key, size_t klen, bool keep, zset_view *v) {
  probe p;
  *v = (zset_view){.sp = s->sp};
  kevy_status status = keep ? collection_read_kept(s, &p, key, klen, KEVY_TYPE_ZSET)
                            : collection_read(s, &p, key, klen, KEVY_TYPE_ZSET);
  if (status == KEVY_OK) *v = zset_view_of(s->sp, p.live);
  return status;
}

/* The entry of a large set's member. */
static FLAT ref zset_view_find(const zset_view *v, const member_name *m) {
  uint64_t hash = member_name_hash(v->sp, m);
  uint64_t *slot = member_find(v->sp->mem.base, &v->large->k, hash, m->key.ptr, m->key.len);
  return slot != NULL ? slot_ref(*slot) : 0;
}

FLAT kevy_status zset_view_score(const zset_view *v, const kevy_value *member, double *score) {
  member_name m;
  kevy_status status = member_name_of(&m, member);
  if (UNLIKELY(status != KEVY_OK)) return status == KEVY_ETOOBIG ? KEVY_MISSING : status;
  if (v->large != NULL) {
    ref r = zset_view_find(v, &m);
    if (r == 0) return KEVY_MISSING;
    *score = zset_entry_score(mem_ptr(v->sp->mem.base, r));
    return KEVY_OK;
  }
  const char *at = v->count != 0 ? packed_find(v->block, v->len, &m.key, 2) : NULL;
  if (at == NULL) return KEVY_MISSING;
  *score = zset_packed_score(packed_next(at));
  return KEVY_OK;
}

kevy_status zset_view_rank(const zset_view *v, const kevy_value *member, uint64_t *rank, double *score) {
  member_name m;
  kevy_status status = member_name_of(&m, member);
  if (status != KEVY_OK) return status == KEVY_ETOOBIG ? KEVY_MISSING : status;
  *rank = 0;
  if (v->large == NULL) {
    const char *at = v->count != 0 ? packed_find(v->block, v->len, &m.key, 2) : NULL;
    if (at == NULL) return KEVY_MISSING;
    *score = zset_packed_score(packed_next(at));
    for (const char *p = packed_first(v->block); p < at; ++*rank) p = packed_next(packed_next(p));
    return KEVY_OK;
  }
  const char *base = v->sp->mem.base;
  ref r = zset_view_find(v, &m);
  if (r == 0) return KEVY_MISSING;
  tree_path p;
  uint32_t at;
  zset_item item = zset_item_of(base, r);
  zset_order_find(base, v->large, item, &p, &at);
  *rank = tree_rank(base, &p) + at;
  *score = zset_score_of(item.score);
  return KEVY_OK;
}

uint64_t zset_view_before(const zset_view *v, zset_cut cut) {
  if (v->count == 0 || cut.by == ZSET_BY_END) return cut.behind ? v->count : 0;
  uint64_t before;
  if (v->large == NULL) {
    zset_block_seek(v->block, v->len, &cut, &before);
    return before;
  }
  const char *base = v->sp->mem.base;
  tree_path p;
  cut.base = base;
  ref r = tree_seek_key(base, &v->large->order, zset_compare_cell, &cut, &p);
  before = zset_leaf_before(zset_leaf_at(base, r), zset_path_count(base, &p), &cut);
  return before + tree_rank(base, &p);
}

kevy_status zset_score(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double *score) {
  zset_view v;
  kevy_status status = zset_view_open(s, key, klen, false, &v);
  return status == KEVY_OK ? zset_view_score(&v, member, score) : status;
}

__attribute__((noinline)) kevy_status zset_score_noted(kevy_store *s, const char *key, size_t klen,
                                                       const kevy_value *member, double *score) {
  return store_noted(s, zset_score(s, key, klen, member, score));
}

/* In a large sorted set, in two steps (keyed_guess). */
static __attribute__((noinline)) kevy_status zset_score_guessed(kevy_store *s, const entry *e, const kevy_value *member,
                                                                double *score, const entry *there) {
  if (UNLIKELY(!keyed_is(there, member, MEMBER_NUMBER)))
    return zset_score_noted(s, (const char *)(e + 1), e->klen, member, score);
  s->hits++;
  memcpy(score, (const char *)(there + 1) + there->klen, sizeof *score);
  return KEVY_OK;
}

__attribute__((noinline)) kevy_status zset_score_member(kevy_store *s, const entry *e, const kevy_value *member,
                                                        double *score) {
  bool absent;
  const entry *there = keyed_guess(s, e, member, &absent);
  if (LIKELY(there != NULL)) return zset_score_guessed(s, e, member, score, there);
  if (UNLIKELY(!absent)) return zset_score_noted(s, (const char *)(e + 1), e->klen, member, score);
  s->hits++;
  return KEVY_MISSING;
}

FLAT kevy_status zset_score_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member,
                                  double *score) {
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_ZSET);
  return e != NULL ? zset_score_member(s, e, member, score) : zset_score_noted(s, key, klen, member, score);
}

kevy_status zset_count(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  zset_view v;
  kevy_status status = zset_view_open(s, key, klen, false, &v);
  *count = v.count;
  return status;
}

kevy_status zset_rank(kevy_store *s, const char *key, size_t klen, const kevy_value *member, uint32_t flags,
                      uint64_t *rank, double *score) {
  zset_view v;
  double unused;
  kevy_status status = zset_view_open(s, key, klen, false, &v);
  if (status == KEVY_OK) status = zset_view_rank(&v, member, rank, score != NULL ? score : &unused);
  if (status == KEVY_OK && (flags & KEVY_REV)) *rank = v.count - 1 - *rank;
  return status;
}

/* ---- walking ---- */

void zset_walk_begin(zset_walk *w, const zset_view *v, uint64_t position, uint64_t k, bool backward) {
  w->view = v;
  w->backward = backward;
  uint64_t there = position >= v->count ? 0 : backward ? position + 1 : v->count - position;
  w->left = k < there ? k : there;
  if (w->left == 0) return;
  if (v->large == NULL) {
    w->at = packed_seek(v->block, v->len, (uint32_t)position * 2);
    return;
  }
  uint64_t index = 0;
  const char *base = v->sp->mem.base;
  ref r = tree_seek_position(base, &v->large->order, position, &w->path, &index);
  w->items = zset_leaf_at(base, r)->at;
  w->index = (uint32_t)index;
  w->n = zset_path_count(base, &w->path);
}

static void zset_walk_small(zset_walk *w, kevy_value *member, double *score) {
  packed_get(w->at, member, w->digits);
  const char *behind = packed_next(w->at);
  *score = zset_packed_score(behind);
  if (w->left == 0) return;
  w->at = w->backward ? packed_prev(packed_prev(w->at)) : packed_next(behind);
}

/* Moves on to the leaf where the next element is. */
static void zset_walk_leaf(zset_walk *w) {
  const char *base = w->view->sp->mem.base;
  ref r = w->backward ? tree_prev(base, &w->path) : tree_next(base, &w->path);
  w->items = zset_leaf_at(base, r)->at;
  w->n = zset_path_count(base, &w->path);
  w->index = w->backward ? w->n - 1 : 0;
}

#define ZSET_AHEAD 4

bool zset_walk_next(zset_walk *w, kevy_value *member, double *score) {
  if (w->left == 0) return false;
  w->left--;
  if (w->view->large == NULL) {
    zset_walk_small(w, member, score);
    return true;
  }
  const char *base = w->view->sp->mem.base;
  if (w->index >= w->n) zset_walk_leaf(w);
  const zset_item *item = &w->items[w->index];
  uint32_t ahead = w->backward ? w->index - ZSET_AHEAD : w->index + ZSET_AHEAD;
  if (ahead < w->n) __builtin_prefetch(base + w->items[ahead].member);
  w->index += w->backward ? UINT32_MAX : 1; /* below 0 it is above n */
  const entry *e = mem_ptr(base, item->member);
  *member = zset_value(entry_key(e), entry_klen(e), entry_key_kind(e));
  *score = zset_score_of(item->score);
  return true;
}

typedef struct zset_scan_step {
  const char *base;
  zset_visit visit;
  void *context;
} zset_scan_step;

static void zset_scan_member(void *context, ref block) {
  const zset_scan_step *step = context;
  const entry *e = mem_ptr(step->base, block);
  kevy_value member = zset_value(entry_key(e), entry_klen(e), entry_key_kind(e));
  step->visit(step->context, &member, zset_entry_score(e));
}

void zset_scan(const zset_view *v, uint64_t *cursor, uint64_t count, zset_visit visit, void *context) {
  if (v->large != NULL) {
    zset_scan_step step = {v->sp->mem.base, visit, context};
    table_scan(step.base, &v->large->k.members, cursor, count, zset_scan_member, &step);
    return;
  }
  *cursor = 0;
  zset_walk w;
  kevy_value member;
  double score;
  zset_walk_begin(&w, v, 0, v->count, false);
  while (zset_walk_next(&w, &member, &score)) visit(context, &member, score);
}

/* ---- checking ---- */

/* Elements come in order, and each is found. */
static bool zset_check_order(const zset_view *v) {
  zset_walk w;
  kevy_value member;
  double score, found, before = -INFINITY;
  char last[ZSET_SMALL_LEN], digits[PACKED_NUMBER];
  size_t last_len = 0;
  uint64_t met = 0;
  zset_walk_begin(&w, v, 0, v->count, false);
  for (; zset_walk_next(&w, &member, &score); met++) {
    if (zset_view_score(v, &member, &found) != KEVY_OK || found != score || signbit(score) != (score < 0)) return false;
    packed_key key = packed_key_of(&member, digits);
    if (met != 0 && (score < before || (score == before && key.len <= sizeof last && last_len <= sizeof last &&
                                        zset_compare(last, last_len, key.ptr, key.len) >= 0)))
      return false;
    before = score;
    last_len = key.len;
    if (key.len != 0 && key.len <= sizeof last) memcpy(last, key.ptr, key.len);
  }
  return met == v->count;
}

/* Leaves take what they need, and cells have their first items as keys. */
static bool zset_check_leaves(const char *base, const zset *z) {
  tree_path p;
  uint64_t bytes = 0;
  for (ref r = tree_first(base, &z->order, &p); r != 0; r = tree_next(base, &p)) {
    tree_cell c = tree_at(base, &p);
    const zset_leaf *l = zset_leaf_at(base, r);
    if (c.count > zset_leaf_capacity(l) || memcmp(c.key, l->at[0].key, sizeof c.key) != 0) return false;
    for (uint32_t i = 0; i < c.count; i++) {
      if (zset_item_of(base, l->at[i].member).score != l->at[i].score) return false;
      bytes += mem_round(entry_size(mem_ptr(base, l->at[i].member)));
    }
    bytes += l->head.size;
  }
  return bytes == z->k.c.bytes;
}

bool zset_check(const zset_view *v) {
  if (v->large == NULL && (v->count > ZSET_SMALL_COUNT || (v->count != 0 && !packed_check(v->block, v->len))))
    return false;
  if (v->large != NULL) {
    const char *base = v->sp->mem.base;
    const zset *z = v->large;
    if (!tree_check(base, &z->order) || !table_check(base, &z->k.members) || z->k.members.count != v->count ||
        !zset_check_leaves(base, z))
      return false;
  }
  return zset_check_order(v);
}
