/* type_list: see type_list.h. */
#include "type_list.h"

#include <math.h>
#include <stdlib.h>

#include "hashing.h"
#include "list_tree.h"
#include "number.h"

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
  entry *e = collection_small(s, key, klen, KEVY_TYPE_LIST);
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
static uint64_t list_find_value(const kevy_store *s, const entry *e, const packed_key *key) {
  uint64_t len = list_entry_len(s->base, e);
  list_iter it;
  list_iter_open(&it, s->base, e, 0, false);
  for (uint64_t i = 0; i < len; i++)
    if (list_iter_match(&it, key)) return i;
  return UINT64_MAX;
}

kevy_status list_insert(kevy_store *s, const char *key, size_t klen, bool before, const kevy_value *pivot,
                        const kevy_value *item, uint64_t *length) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  char digits[NUMBER_FLOAT_MAX];
  packed_key sought = list_key_of(pivot, digits);
  uint64_t at = list_find_value(s, p.live, &sought);
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
