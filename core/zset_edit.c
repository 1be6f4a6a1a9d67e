/* zset_edit: how the two forms of a sorted set are changed, and how one becomes the other: a small one in a block of its own that is put
 * back whole, a large one in its table and its order together. For the files of the sorted-set type alone. */
#include "zset_forms.h"

#include <stdlib.h>

#include "hashing.h"

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
