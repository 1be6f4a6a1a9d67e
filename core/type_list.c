/* type_list: see type_list.h. */
#include "type_list.h"

#include <math.h>
#include <stdlib.h>

#include "hashing.h"
#include "list_tree.h"
#include "number.h"

#define LIST_FEW (LIST_SMALL / 4) /* bytes: a value that has shrunk to so many is packed again */

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

bool list_check(const char *base, const entry *e) {
  if (entry_is_large(e)) return list_tree_check(base, (const list_value *)collection_at(base, e));
  return small_len(e) <= LIST_SMALL && packed_check(small_block(e), small_len(e));
}
