/* type_set: see type_set.h. */
#include "type_set.h"

#include <stdlib.h>

#include "hashing.h"
#include "members.h"
#include "number.h"

/* ---- members in and out ---- */

static const content set_no_content = {ENTRY_RAW, KEVY_BYTES, 0, {.ptr = ""}};

static kevy_status set_check_member(const kevy_value *v) {
  if (UNLIKELY(v->kind > KEVY_INT)) return KEVY_EARG;
  return LIKELY(v->kind == KEVY_INT || v->len <= KEVY_MAX_LEN) ? KEVY_OK : KEVY_ETOOBIG;
}

static kevy_status set_check_members(size_t k, const kevy_value *members) {
  for (size_t i = 0; i < k; i++) {
    kevy_status status = set_check_member(&members[i]);
    if (UNLIKELY(status != KEVY_OK)) return status;
  }
  return KEVY_OK;
}

static FLAT uint64_t set_hash(const space *sp, const packed_key *key) {
  return hash_bytes(sp->secret, key->ptr, key->len);
}

/* The member of an entry. */
static void set_entry_value(const entry *e, kevy_value *out) {
  out->kind = entry_key_kind(e);
  out->reserved = 0;
  out->len = entry_klen(e);
  out->as.ptr = entry_key(e);
  if (LIKELY(out->kind <= KEVY_TEXT)) return;
  int64_t i = 0;
  number_parse_int(out->as.ptr, out->len, &i);
  out->len = 0;
  out->as.i = i;
}

/* An item is an address doubled, and odd for an element of a block. */
static inline set_item set_item_small(const char *at) { return (uint64_t)(uintptr_t)at << 1 | 1; }
static inline set_item set_item_large(const char *base, ref r) {
  return (uint64_t)(uintptr_t)(base + r) << 1;
}
static inline const void *set_item_at(set_item item) { return (const void *)(uintptr_t)(item >> 1); }

void set_item_value(set_item item, kevy_value *out, char digits[PACKED_NUMBER]) {
  if (item & 1) packed_get(set_item_at(item), out, digits);
  else set_entry_value(set_item_at(item), out);
}

/* Its byte form and kind. */
static packed_key set_item_key(set_item item, char digits[PACKED_NUMBER], uint32_t *kind) {
  if (!(item & 1)) {
    const entry *e = set_item_at(item);
    *kind = entry_key_kind(e);
    return (packed_key){entry_key(e), entry_klen(e), false, 0};
  }
  kevy_value v;
  packed_get(set_item_at(item), &v, digits);
  *kind = v.kind;
  return packed_key_of(&v, digits);
}

/* ---- small sets ---- */

static inline bool set_at_int(const char *at) { return packed_is_int((uint8_t)*at); }

/* Integers come first, so the last element tells. True for an empty block. */
static inline bool set_all_ints(const char *block, size_t len) {
  return packed_count(block) == 0 || set_at_int(packed_prev(block + len));
}

/* Where all elements are integers of one size: the first that is not below i. Sizes grow away from 0, so when the
 * outermost two are as long as the average, all are. */
static const char *set_seek_even(const char *first, size_t size, uint32_t count, int64_t i) {
  while (count > 0) {
    const char *middle = first + size * (count / 2);
    if (packed_int(middle) < i) {
      first = middle + size;
      count -= count / 2 + 1;
    } else {
      count /= 2;
    }
  }
  return first;
}

static bool set_find_int(const char *block, size_t len, int64_t i, const char **where) {
  const char *at = packed_first(block), *end = block + len;
  uint32_t count = packed_count(block);
  if (count != 0) {
    const char *last = packed_prev(end);
    size_t size = (size_t)(end - last);
    if (size * count == len - PACKED_HEAD && packed_next(at) == at + size && set_at_int(last))
      at = set_seek_even(at, size, count, i);
  }
  while (at < end && set_at_int(at) && packed_int(at) < i) at = packed_next(at);
  *where = at;
  return at < end && set_at_int(at) && packed_int(at) == i;
}

/* Finds a member; *where is its element, or where it would go. */
static bool set_find_small(const char *block, size_t len, const packed_key *key, const char **where) {
  if (key->is_int) return set_find_int(block, len, key->i, where);
  *where = packed_find(block, len, key, 1);
  if (*where != NULL) return true;
  *where = block + len;
  return false;
}

/* Whether a block stays small with one more member. */
static bool set_stays_small(const char *block, size_t len, const packed_key *key) {
  uint32_t count = packed_count(block);
  if (count < SET_SMALL_COUNT) return key->is_int || key->len <= SET_SMALL_LEN;
  return count < SET_SMALL_INTS && key->is_int && set_all_ints(block, len);
}

/* ---- large sets ---- */

static inline keyed *set_keyed(const char *base, ref top) { return mem_ptr(base, top); }

/* An empty large set. 0: no memory. */
static ref set_new_large(space *sp) {
  ref top = collection_new(sp, sizeof(keyed), KEVY_TYPE_SET);
  if (top == 0) return 0;
  if (table_open(sp, &set_keyed(sp->mem.base, top)->members)) return top;
  mem_free(&sp->mem, top, sizeof(keyed));
  return 0;
}

static FLAT bool set_has_large(const space *sp, const keyed *k, const packed_key *key) {
  return member_find(sp->mem.base, k, set_hash(sp, key), key->ptr, key->len) != NULL;
}

/* Adds a member that is not there. Returns its block; 0: no memory. */
static ref set_insert(kevy_store *s, keyed *k, uint64_t hash, const packed_key *key, uint32_t kind) {
  ref block = member_new(s, k, key->ptr, key->len, kind, &set_no_content, KEVY_NO_TTL);
  if (UNLIKELY(block == 0)) return 0;
  if (LIKELY(table_insert(s->sp, &k->members, hash, block, false))) return block;
  member_retire(s->sp, k, block, hash, true);
  return 0;
}

/* Takes a found member out. It stays only where the address space is exhausted. */
static void set_take_out(space *sp, keyed *k, uint64_t hash, uint64_t *slot) {
  slot = table_own(sp, &k->members, hash, slot, true);
  if (slot == NULL) return;
  ref block = slot_ref(*slot);
  bool fresh = *slot & SLOT_FRESH;
  table_remove(sp, &k->members, hash, slot);
  member_retire(sp, k, block, hash, fresh);
}

static ref set_clone(kevy_store *s, const collection *c) {
  const keyed *from = (const keyed *)c;
  ref top = set_new_large(s->sp);
  if (top == 0) return 0;
  table_walk walk = {0, 0, false};
  for (ref r; (r = table_next(s->base, &from->members, &walk)) != 0;) {
    uint32_t kind;
    packed_key key = set_item_key(set_item_large(s->base, r), NULL, &kind);
    if (set_insert(s, set_keyed(s->base, top), set_hash(s->sp, &key), &key, kind) != 0) continue;
    node_retire_collection(s->sp, top);
    return 0;
  }
  return top;
}

static bool set_drop(space *sp, collection *c, uint32_t *items) { return keyed_drop(sp, (keyed *)c, items); }
static uint64_t set_bytes(const collection *c) { return ((const keyed *)c)->members.bytes; }

static void set_abandon(space *sp, collection *c, collection *before, uint64_t epoch) {
  keyed_abandon(sp, (keyed *)c, (keyed *)before, epoch);
}

const collection_kind set_kind = {
    .drop = set_drop, .clone = set_clone, .bytes = set_bytes, .abandon = set_abandon, .keyed = true};

/* ---- building ---- */

void set_build_begin(kevy_store *s, set_build *b) {
  b->s = s;
  b->block = b->room;
  b->len = PACKED_HEAD;
  b->top = 0;
  packed_clear(b->room);
}

/* Goes on from a block that is there; it is copied before it is changed. */
static void set_build_from(kevy_store *s, set_build *b, const char *block, size_t len) {
  b->s = s;
  b->block = block;
  b->len = len;
  b->top = 0;
}

static inline keyed *set_build_large(const set_build *b) { return set_keyed(b->s->base, b->top); }

uint64_t set_build_count(const set_build *b) {
  return b->top != 0 ? set_build_large(b)->members.count : packed_count(b->block);
}

void set_build_drop(set_build *b) {
  if (b->top != 0) node_retire_collection(b->s->sp, b->top);
  b->top = 0;
}

/* Moves what there is so far into a table. */
static bool set_build_grow(set_build *b) {
  kevy_store *s = b->s;
  b->top = set_new_large(s->sp);
  if (b->top == 0) return false;
  for (const char *at = packed_first(b->block), *end = b->block + b->len; at < end; at = packed_next(at)) {
    char digits[PACKED_NUMBER];
    uint32_t kind;
    packed_key key = set_item_key(set_item_small(at), digits, &kind);
    if (set_insert(s, set_build_large(b), set_hash(s->sp, &key), &key, kind) == 0) return false;
  }
  s->sp->work_moved += packed_count(b->block);
  return true;
}

static void set_build_splice(set_build *b, const char *where, uint32_t removed, const kevy_value *add, size_t k) {
  size_t offset = (size_t)(where - b->block);
  if (b->block != b->room) {
    memcpy(b->room, b->block, b->len);
    b->block = b->room;
  }
  b->len = packed_splice(b->room, b->len, b->room + offset, removed, add, k);
}

static kevy_status set_build_insert(set_build *b, const packed_key *key, uint32_t kind) {
  if (b->top == 0 && !set_build_grow(b)) return KEVY_EOOM;
  kevy_store *s = b->s;
  return set_insert(s, set_build_large(b), set_hash(s->sp, key), key, kind) != 0 ? KEVY_OK : KEVY_EOOM;
}

/* A key that `member` is the value of. */
static kevy_status set_build_key(set_build *b, const packed_key *key, const kevy_value *member, bool surely_new) {
  if (b->top == 0) {
    const char *where;
    if (set_find_small(b->block, b->len, key, &where)) return KEVY_UNMET;
    if (set_stays_small(b->block, b->len, key)) {
      set_build_splice(b, where, 0, member, 1);
      return KEVY_OK;
    }
  } else if (!surely_new && set_has_large(b->s->sp, set_build_large(b), key)) {
    return KEVY_UNMET;
  }
  return set_build_insert(b, key, member->kind);
}

kevy_status set_build_add(set_build *b, const kevy_value *member) {
  member_name m;
  kevy_status status = member_name_of(&m, member);
  return status == KEVY_OK ? set_build_key(b, &m.key, member, false) : status;
}

kevy_status set_build_add_new(set_build *b, set_item item) {
  char digits[PACKED_NUMBER], more[PACKED_NUMBER];
  kevy_value v;
  set_item_value(item, &v, digits);
  packed_key key = packed_key_of(&v, more);
  return set_build_key(b, &key, &v, true);
}

kevy_status set_build_put(set_build *b, probe *p, uint32_t flags) {
  kevy_status status = b->top != 0 ? collection_put(b->s, p, b->top, flags)
                                   : collection_put_packed(b->s, p, KEVY_TYPE_SET, b->block, b->len, flags);
  if (status == KEVY_OK) b->top = 0;
  return status;
}

/* ---- SADD ---- */

static void set_report(uint64_t *out, uint64_t n) {
  if (out != NULL) *out = n;
}

static kevy_status set_build_all(set_build *b, size_t k, const kevy_value *members, uint64_t *added) {
  *added = 0;
  for (size_t i = 0; i < k; i++) {
    kevy_status status = set_build_add(b, &members[i]);
    if (status < 0) return status;
    *added += status == KEVY_OK;
  }
  return KEVY_OK;
}

/* Adds to what is small or not there at all. */
static kevy_status set_add_small(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint32_t flags,
                                 uint64_t *added) {
  set_build b;
  if (p->live != NULL) set_build_from(s, &b, small_block(p->live), small_len(p->live));
  else set_build_begin(s, &b);
  uint64_t n;
  kevy_status status = set_build_all(&b, k, members, &n);
  if (status == KEVY_OK && n != 0) status = set_build_put(&b, p, flags);
  if (status == KEVY_OK) set_report(added, n);
  else set_build_drop(&b);
  return status;
}

/* Members of one call, made ready together so that what they need is loaded ahead. */
#define SET_BATCH 16
typedef struct set_batch {
  packed_key key[SET_BATCH];
  uint64_t hash[SET_BATCH];
  char digits[SET_BATCH][PACKED_NUMBER];
} set_batch;

/* Hashes the keys and loads what they will be looked for in. */
static void set_batch_load(const space *sp, const keyed *k, set_batch *b, size_t n) {
  const char *base = sp->mem.base;
  for (size_t i = 0; i < n; i++) {
    b->hash[i] = set_hash(sp, &b->key[i]);
    table_prefetch(base, &k->members, b->hash[i]);
  }
  for (size_t i = 0; i < n; i++) table_prefetch_entry(base, &k->members, b->hash[i]);
}

static size_t set_batch_read(const space *sp, const keyed *k, set_batch *b, size_t n, const kevy_value *members) {
  if (n > SET_BATCH) n = SET_BATCH;
  for (size_t i = 0; i < n; i++) b->key[i] = packed_key_of(&members[i], b->digits[i]);
  if (k != NULL) set_batch_load(sp, k, b, n);
  return n;
}

/* Takes out what a call that failed has put in. */
static void set_undo(space *sp, keyed *k, const ref *blocks, size_t n) {
  while (n > 0) {
    const entry *e = mem_ptr(sp->mem.base, blocks[--n]);
    uint64_t hash = hash_bytes(sp->secret, entry_key(e), entry_klen(e));
    set_take_out(sp, k, hash, table_find_ref(sp->mem.base, &k->members, hash, blocks[n]));
  }
}

/* Adds all, noting the new ones' blocks. False: no memory, and *n were put in. */
static bool set_put_in(kevy_store *s, keyed *set, size_t k, const kevy_value *members, ref *blocks, size_t *n) {
  set_batch b;
  for (size_t at = 0, step; at < k; at += step) {
    step = set_batch_read(s->sp, set, &b, k - at, members + at);
    for (size_t i = 0; i < step; i++) {
      if (member_find(s->base, set, b.hash[i], b.key[i].ptr, b.key[i].len) != NULL) continue;
      ref block = set_insert(s, set, b.hash[i], &b.key[i], members[at + i].kind);
      if (block == 0) return false;
      blocks[(*n)++] = block;
    }
  }
  return true;
}

static kevy_status set_add_many(kevy_store *s, keyed *set, size_t k, const kevy_value *members, uint64_t *added) {
  ref few[SET_BATCH], *blocks = few;
  if (k > SET_BATCH) blocks = k <= SIZE_MAX / sizeof *blocks ? malloc(k * sizeof *blocks) : NULL;
  if (blocks == NULL) return KEVY_EOOM;
  size_t n = 0;
  bool done = set_put_in(s, set, k, members, blocks, &n);
  if (done) set_report(added, n);
  else set_undo(s->sp, set, blocks, n);
  if (blocks != few) free(blocks);
  return done ? KEVY_OK : KEVY_EOOM;
}

/* The hot one. */
static FLAT kevy_status set_add_one(kevy_store *s, probe *p, const kevy_value *member, uint64_t *added) {
  char digits[PACKED_NUMBER];
  packed_key key = packed_key_of(member, digits);
  uint64_t hash = set_hash(s->sp, &key);
  keyed *set = (keyed *)collection_at(s->base, p->live);
  bool there = member_find_to_write(s->base, set, hash, key.ptr, key.len) != NULL;
  if (!there) {
    set = (keyed *)collection_own(s, p, false);
    if (set == NULL || set_insert(s, set, hash, &key, member->kind) == 0) return KEVY_EOOM;
  }
  set_report(added, !there);
  return KEVY_OK;
}

static kevy_status set_add_large(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint64_t *added) {
  if (LIKELY(k == 1)) return set_add_one(s, p, members, added);
  keyed *set = (keyed *)collection_own(s, p, false);
  return set != NULL ? set_add_many(s, set, k, members, added) : KEVY_EOOM;
}

/* Makes the probe's key count as absent, so that what is put has no deadline; its kind stays. */
static void set_overwrite(probe *p, uint32_t *flags) {
  if (p->live == NULL) return;
  *flags = entry_key_kind(p->live) == KEVY_TEXT ? KEVY_TEXT_KEY : 0;
  p->live = NULL;
}

static kevy_status set_replace(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint32_t flags,
                               uint64_t *added) {
  set_build b;
  uint64_t n;
  set_build_begin(s, &b);
  kevy_status status = set_build_all(&b, k, members, &n);
  if (status == KEVY_OK && n == 0) {
    if (p->live != NULL) probe_remove(s, p);
  } else if (status == KEVY_OK) {
    set_overwrite(p, &flags);
    status = set_build_put(&b, p, flags);
  }
  if (status == KEVY_OK) set_report(added, n);
  else set_build_drop(&b);
  return status;
}

kevy_status set_add(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                    uint32_t flags, uint64_t *added) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_SET);
  bool replace = flags & KEVY_REPLACE;
  if (UNLIKELY(status != KEVY_OK) && !(replace && status == KEVY_EWRONGTYPE)) return status;
  status = set_check_members(k, members);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (UNLIKELY(replace)) return set_replace(s, &p, k, members, flags, added);
  if (p.live != NULL && entry_is_large(p.live)) return set_add_large(s, &p, k, members, added);
  return set_add_small(s, &p, k, members, flags, added);
}

__attribute__((noinline)) bool set_add_member(kevy_store *s, const entry *e, const kevy_value *member,
                                              uint64_t *added) {
  if (member->len - 8 > 8) __builtin_unreachable();
  keyed *k = (keyed *)collection_large(s->base, e);
  uint64_t hash = hash_bytes(s->sp->secret, member->as.ptr, member->len);
  bool there = member_find_to_write(s->base, k, hash, member->as.ptr, member->len) != NULL;
  if (!there && !keyed_insert(s, k, hash, member->as.ptr, member->len, member->kind, &set_no_content)) return false;
  set_report(added, !there);
  s->sp->written = true;
  s->until_pay--;
  return true;
}

FLAT bool set_add_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member, uint64_t *added) {
  if (!collection_calm(s)) return false;
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_SET);
  s->grows = true;
  return e != NULL && set_add_member(s, e, member, added);
}

/* ---- SREM ---- */

/* Makes a large set that has become few short members small again, where memory allows. */
static void set_shrink(kevy_store *s, probe *p, const keyed *k) {
  set_build b;
  set_build_begin(s, &b);
  table_walk walk = {0, 0, false};
  for (ref r; (r = table_next(s->base, &k->members, &walk)) != 0;) {
    const entry *e = mem_ptr(s->base, r);
    if (entry_klen(e) > SET_SMALL_LEN) return;
    set_build_add_new(&b, set_item_large(s->base, r));
  }
  set_build_put(&b, p, 0);
}

/* After members were taken out of a large set. */
static void set_taken_out(kevy_store *s, probe *p, const keyed *k) {
  if (LIKELY(k->members.count > SET_SMALL_AGAIN)) return;
  if (k->members.count == 0) probe_remove(s, p);
  else set_shrink(s, p, k);
}

static kevy_status set_remove_large(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint64_t *removed) {
  keyed *set = (keyed *)collection_own(s, p, true);
  if (set == NULL) return KEVY_EOOM;
  uint64_t before = set->members.count;
  set_batch b;
  for (size_t at = 0, step; at < k; at += step) {
    step = set_batch_read(s->sp, set, &b, k - at, members + at);
    for (size_t i = 0; i < step; i++) {
      uint64_t *slot = member_find(s->base, set, b.hash[i], b.key[i].ptr, b.key[i].len);
      if (slot != NULL) set_take_out(s->sp, set, b.hash[i], slot);
    }
  }
  set_report(removed, before - set->members.count);
  set_taken_out(s, p, set);
  return KEVY_OK;
}

static kevy_status set_remove_small(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint64_t *removed) {
  set_build b;
  set_build_from(s, &b, small_block(p->live), small_len(p->live));
  uint64_t before = packed_count(b.block);
  for (size_t i = 0; i < k; i++) {
    char digits[PACKED_NUMBER];
    packed_key key = packed_key_of(&members[i], digits);
    const char *where;
    if (set_find_small(b.block, b.len, &key, &where)) set_build_splice(&b, where, 1, NULL, 0);
  }
  uint64_t n = before - packed_count(b.block);
  kevy_status status = n != 0 ? set_build_put(&b, p, 0) : KEVY_OK;
  if (status == KEVY_OK) set_report(removed, n);
  return status;
}

static kevy_status set_remove_found(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint64_t *removed) {
  return entry_is_large(p->live) ? set_remove_large(s, p, k, members, removed)
                                 : set_remove_small(s, p, k, members, removed);
}

kevy_status set_remove(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                       uint64_t *removed) {
  probe p;
  set_report(removed, 0);
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_SET);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  status = set_check_members(k, members);
  return status == KEVY_OK ? set_remove_found(s, &p, k, members, removed) : status;
}

/* ---- reading ---- */

static FLAT bool set_entry_has(const space *sp, const entry *e, const packed_key *key) {
  const char *where;
  if (entry_is_large(e)) return set_has_large(sp, (const keyed *)collection_at(sp->mem.base, e), key);
  return set_find_small(small_block(e), small_len(e), key, &where);
}

kevy_status set_has(kevy_store *s, const char *key, size_t klen, const kevy_value *member) {
  probe p;
  member_name m;
  kevy_status status = collection_read(s, &p, key, klen, KEVY_TYPE_SET);
  if (LIKELY(status == KEVY_OK)) status = member_name_of(&m, member);
  if (UNLIKELY(status != KEVY_OK)) return status;
  return set_entry_has(s->sp, p.live, &m.key) ? KEVY_OK : KEVY_MISSING;
}

__attribute__((noinline)) kevy_status set_has_noted(kevy_store *s, const char *key, size_t klen,
                                                    const kevy_value *member) {
  return store_noted(s, set_has(s, key, klen, member));
}

/* In a large set, in two steps (keyed_guess). */
static __attribute__((noinline)) kevy_status set_has_guessed(kevy_store *s, const entry *e, const kevy_value *member,
                                                             const entry *there) {
  if (UNLIKELY(!keyed_is(there, member, MEMBER_SHORT)))
    return set_has_noted(s, (const char *)(e + 1), e->klen, member);
  s->hits++;
  return KEVY_OK;
}

__attribute__((noinline)) kevy_status set_has_member(kevy_store *s, const entry *e, const kevy_value *member) {
  bool absent;
  const entry *there = keyed_guess(s, e, member, &absent);
  if (LIKELY(there != NULL)) return set_has_guessed(s, e, member, there);
  if (UNLIKELY(!absent)) return set_has_noted(s, (const char *)(e + 1), e->klen, member);
  s->hits++;
  return KEVY_MISSING;
}

FLAT kevy_status set_has_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member) {
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_SET);
  return e != NULL ? set_has_member(s, e, member) : set_has_noted(s, key, klen, member);
}

set_view set_view_of(const space *sp, const entry *e) {
  set_view v = {sp, NULL, 0, NULL, 0};
  if (entry_is_large(e)) {
    v.large = (const keyed *)collection_at(sp->mem.base, e);
    v.count = v.large->members.count;
  } else {
    v.block = small_block(e);
    v.len = small_len(e);
    v.count = packed_count(v.block);
  }
  return v;
}

static const char set_nothing[PACKED_HEAD] = {0};

static set_view set_view_empty(const space *sp) { return (set_view){sp, set_nothing, PACKED_HEAD, NULL, 0}; }

kevy_status set_view_open(kevy_store *s, const char *key, size_t klen, bool keep, set_view *v) {
  probe p;
  *v = set_view_empty(s->sp);
  kevy_status status =
      keep ? collection_read_kept(s, &p, key, klen, KEVY_TYPE_SET) : collection_read(s, &p, key, klen, KEVY_TYPE_SET);
  if (status == KEVY_OK) *v = set_view_of(s->sp, p.live);
  return status;
}

kevy_status set_count(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  set_view v;
  kevy_status status = set_view_open(s, key, klen, false, &v);
  *count = v.count;
  return status;
}

static void set_batch_has(const set_view *v, const set_batch *b, size_t n, bool *found) {
  const char *where;
  for (size_t i = 0; i < n; i++) {
    const packed_key *key = &b->key[i];
    if (v->large == NULL) found[i] = set_find_small(v->block, v->len, key, &where);
    else found[i] = member_find(v->sp->mem.base, v->large, b->hash[i], key->ptr, key->len) != NULL;
  }
}

kevy_status set_view_has(const set_view *v, size_t k, const kevy_value *members, bool *found) {
  kevy_status status = set_check_members(k, members);
  if (status != KEVY_OK) return status;
  set_batch b;
  for (size_t at = 0, step; at < k; at += step) {
    step = set_batch_read(v->sp, v->large, &b, k - at, members + at);
    set_batch_has(v, &b, step, found + at);
  }
  return KEVY_OK;
}

set_walk set_walk_begin(const set_view *v) {
  set_walk w = {v, NULL, {0, 0, false}};
  if (v->large == NULL) w.at = packed_first(v->block);
  return w;
}

set_item set_walk_next(set_walk *w) {
  const set_view *v = w->view;
  if (v->large != NULL) {
    ref r = table_next(v->sp->mem.base, &v->large->members, &w->walk);
    return r != 0 ? set_item_large(v->sp->mem.base, r) : 0;
  }
  if (w->at == v->block + v->len) return 0;
  const char *at = w->at;
  w->at = packed_next(at);
  return set_item_small(at);
}

typedef struct set_scan_step {
  const char *base;
  set_visit visit;
  void *context;
} set_scan_step;

static void set_scan_entry(void *context, ref block) {
  const set_scan_step *step = context;
  step->visit(step->context, set_item_large(step->base, block));
}

void set_scan(const set_view *v, uint64_t *cursor, uint64_t count, set_visit visit, void *context) {
  if (v->large != NULL) {
    set_scan_step step = {v->sp->mem.base, visit, context};
    table_scan(v->sp->mem.base, &v->large->members, cursor, count, set_scan_entry, &step);
    return;
  }
  set_walk w = set_walk_begin(v);
  for (set_item item; (item = set_walk_next(&w)) != 0;) visit(context, item);
  *cursor = 0;
}

/* ---- chance ---- */

set_item set_random(kevy_store *s, const set_view *v) {
  if (v->count == 0) return 0;
  if (v->large != NULL)
    return set_item_large(s->base, table_random(s->base, &v->large->members, store_random, s));
  return set_item_small(packed_seek(v->block, v->len, (uint32_t)members_below(s, v->count)));
}

static void set_pick_all(set_pick *c) {
  set_walk w = set_walk_begin(&c->view);
  for (set_item item; (item = set_walk_next(&w)) != 0;) c->items[c->count++] = item;
}

static void set_pick_small(kevy_store *s, set_pick *c, uint64_t n) {
  members_sampler sampler = {c->view.count, n};
  set_walk w = set_walk_begin(&c->view);
  for (set_item item; (item = set_walk_next(&w)) != 0;)
    if (members_take(s, &sampler)) c->items[c->count++] = item;
}

static void set_pick_entry(void *context, ref block) {
  set_pick *c = context;
  c->items[c->count++] = set_item_large(c->view.sp->mem.base, block);
}

static bool set_pick_some(kevy_store *s, set_pick *c, uint64_t n) {
  if (n == c->view.count) set_pick_all(c);
  else if (n == 1) c->items[c->count++] = set_random(s, &c->view);
  else if (c->view.large == NULL) set_pick_small(s, c, n);
  else return members_sample(s, &c->view.large->members, c->view.count, n, 0, set_pick_entry, c);
  return true;
}

static kevy_status set_pick_find(kevy_store *s, set_pick *c, const char *key, size_t klen, bool to_remove) {
  kevy_status status = to_remove ? collection_write(s, &c->p, key, klen, KEVY_TYPE_SET)
                                 : collection_read(s, &c->p, key, klen, KEVY_TYPE_SET);
  return status == KEVY_OK && c->p.live == NULL ? KEVY_MISSING : status;
}

kevy_status set_pick_begin(kevy_store *s, set_pick *c, const char *key, size_t klen, uint64_t n, bool to_remove) {
  c->count = 0;
  c->items = c->room;
  kevy_status status = set_pick_find(s, c, key, klen, to_remove);
  if (status != KEVY_OK) return status;
  c->view = set_view_of(s->sp, c->p.live);
  if (n > c->view.count) n = c->view.count;
  if (n > SET_PICK_FEW) c->items = malloc(n * sizeof *c->items);
  return c->items != NULL && set_pick_some(s, c, n) ? KEVY_OK : KEVY_EOOM;
}

void set_pick_end(set_pick *c) {
  if (c->items != c->room) free(c->items);
}

static void set_pick_remove_large(kevy_store *s, set_pick *c) {
  keyed *set = (keyed *)collection_own(s, &c->p, true);
  if (set == NULL) return;
  for (uint64_t i = 0; i < c->count; i++) {
    if (i + 4 < c->count) __builtin_prefetch(set_item_at(c->items[i + 4]));
    const entry *e = set_item_at(c->items[i]);
    uint64_t hash = hash_bytes(s->sp->secret, entry_key(e), entry_klen(e));
    ref block = (ref)((const char *)e - s->base);
    uint64_t *slot = table_find_ref(s->base, &set->members, hash, block);
    if (slot != NULL) set_take_out(s->sp, set, hash, slot);
  }
  set_taken_out(s, &c->p, set);
}

/* Items come in the order of their elements: what lies between them is kept. */
static void set_pick_remove_small(kevy_store *s, set_pick *c) {
  char block[SET_BLOCK_MAX];
  size_t len = 0;
  const char *from = c->view.block;
  for (uint64_t i = 0; i < c->count; i++) {
    const char *at = set_item_at(c->items[i]);
    memcpy(block + len, from, (size_t)(at - from));
    len += (size_t)(at - from);
    from = packed_next(at);
  }
  size_t rest = (size_t)(c->view.block + c->view.len - from);
  memcpy(block + len, from, rest);
  packed_set_count(block, (uint32_t)(c->view.count - c->count));
  collection_put_packed(s, &c->p, KEVY_TYPE_SET, block, len + rest, 0);
}

void set_pick_remove(kevy_store *s, set_pick *c) {
  if (c->count == 0) return;
  if (c->count == c->view.count) probe_remove(s, &c->p);
  else if (c->view.large != NULL) set_pick_remove_large(s, c);
  else set_pick_remove_small(s, c);
}

/* ---- SMOVE ---- */

/* Into the other set first: taking out cannot fail. */
static kevy_status set_move_over(kevy_store *s, probe *from, const char *to, size_t tolen, const kevy_value *member,
                                 uint32_t flags) {
  const char *key = entry_key(from->live);
  size_t klen = entry_klen(from->live);
  kevy_status status = set_add(s, to, tolen, 1, member, flags, NULL);
  if (status != KEVY_OK) return status;
  probe p;
  probe_find_hashed(s, &p, key, klen, from->hash);
  return p.live != NULL ? set_remove_found(s, &p, 1, member, NULL) : KEVY_OK;
}

kevy_status set_move(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen,
                     const kevy_value *member, uint32_t flags) {
  probe from, target;
  member_name m;
  kevy_status status = collection_write(s, &from, key, klen, KEVY_TYPE_SET);
  if (from.live == NULL) return status != KEVY_OK ? status : KEVY_MISSING;
  if (status == KEVY_OK) status = tolen <= KEVY_MAX_LEN ? member_name_of(&m, member) : KEVY_ETOOBIG;
  if (status != KEVY_OK) return status;
  probe_find(s, &target, to, tolen);
  if (target.live != NULL && entry_type(target.live) != KEVY_TYPE_SET) return KEVY_EWRONGTYPE;
  if (!set_entry_has(s->sp, from.live, &m.key)) return KEVY_MISSING;
  return target.live == from.live ? KEVY_OK : set_move_over(s, &from, to, tolen, member, flags);
}

/* ---- checking ---- */

static bool set_check_small(const set_view *v) {
  if (!packed_check(v->block, v->len) || v->len > SET_BLOCK_MAX) return false;
  bool ints = set_all_ints(v->block, v->len), before = true;
  int64_t last = INT64_MIN;
  uint64_t n = 0;
  set_walk w = set_walk_begin(v);
  for (set_item item; (item = set_walk_next(&w)) != 0; n++) {
    const char *at = set_item_at(item), *where;
    char digits[PACKED_NUMBER];
    uint32_t kind;
    packed_key key = set_item_key(item, digits, &kind);
    if (key.is_int && (!before || (n != 0 && key.i <= last))) return false;
    if (!key.is_int && key.len > SET_SMALL_LEN) return false;
    before = key.is_int;
    last = key.i;
    if (!set_find_small(v->block, v->len, &key, &where) || where != at) return false;
  }
  return n == v->count && n <= (ints ? SET_SMALL_INTS : SET_SMALL_COUNT);
}

bool set_check(const set_view *v) {
  if (v->large == NULL) return set_check_small(v);
  if (!table_check(v->sp->mem.base, &v->large->members)) return false;
  set_walk w = set_walk_begin(v);
  uint64_t n = 0;
  for (set_item item; (item = set_walk_next(&w)) != 0; n++) {
    uint32_t kind;
    packed_key key = set_item_key(item, NULL, &kind);
    if (!set_has_large(v->sp, v->large, &key)) return false;
  }
  return n == v->count;
}
